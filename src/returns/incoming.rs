use schema::events::SuppressionReason;
use schema::{Actor, DeliveryId, Position, TenantId};
use store::CommandRecord;

/// Makes the record of the API command that a message came by, once it is known what it led to.
pub type RecordFor<'a> = &'a (dyn Fn(&Recorded) -> Option<CommandRecord> + Send + Sync);

/// A message that came back.
pub struct Incoming<'m> {
    /// All of it, as it came.
    pub raw: &'m [u8],
    /// Whom its envelope named, where that is known.
    pub recipients: &'m [String],
    /// By which entrance, or who brought it.
    pub actor: Actor,
    /// Only deliveries of this tenant exist for whoever brought it.
    pub tenant: Option<TenantId>,
    /// W3C Trace Context of the request it came by.
    pub traceparent: Option<String>,
    /// What is kept of that request.
    pub command: Option<RecordFor<'m>>,
}

impl<'m> Incoming<'m> {
    /// A message by an entrance of ours, for whichever tenant it concerns.
    #[must_use]
    pub fn by(entrance: &str, raw: &'m [u8], recipients: &'m [String]) -> Self {
        let actor = Actor::new("returns", entrance);
        Self { raw, recipients, actor, tenant: None, traceparent: None, command: None }
    }
}

/// What a message led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The delivery it is about.
    pub delivery: DeliveryId,
    /// What it says: `failed`, `delayed`, `went_on`, `complained`, `no_complaint`, `auto_reply`.
    pub kind: &'static str,
    /// Whether it was news. A report that comes in twice is news once; a delay is none.
    pub news: bool,
    /// Why the address is suppressed because of it, if it is.
    pub suppressed: Option<SuppressionReason>,
    /// Where it can be read from, if anything was appended.
    pub position: Option<Position>,
}
