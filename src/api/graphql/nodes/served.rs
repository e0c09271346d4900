use async_graphql::{ComplexObject, Context, ID, SimpleObject};
use projections::deliveries::served::ServedRow;
use schema::Position;

use super::{Delivery, Recipient};
use crate::graphql::fault::Fault;
use crate::graphql::loaders::{DeliveryKey, RecipientKey};
use crate::graphql::scalars::{Instant, LogPosition};
use crate::graphql::session::Session;
use crate::graphql::words::{Channel, Outcome};

/// A delivery of a version that got through, and whether what corrects the version has reached its recipient since.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Served {
    /// Which.
    pub delivery: ID,
    /// To whom.
    pub recipient: ID,
    /// How.
    pub channel: Channel,
    /// Delivered or accepted.
    pub outcome: Outcome,
    /// When it got through.
    pub served_at: Instant,
    /// When it came back all the same.
    pub bounced_at: Option<Instant>,
    /// The delivery it repeats.
    pub resend_of: Option<ID>,
    /// Of the versions that correct it, the one this recipient got, or is to get; none where nothing is planned.
    pub correction: Option<String>,
    /// By which delivery, on whatever channel.
    pub correction_delivery: Option<ID>,
    /// When that one got through; none while it is on its way.
    pub corrected_at: Option<Instant>,
    /// By which event it was planned.
    pub position: LogPosition,
}

#[ComplexObject]
impl Served {
    /// The delivery itself.
    async fn delivery_node(&self, ctx: &Context<'_>) -> Result<Option<Delivery>, Fault> {
        let id: schema::DeliveryId = self.delivery.parse()?;
        Session::of(ctx)?.rows().load_one(DeliveryKey(id.as_uuid())).await
    }

    /// The recipient.
    async fn recipient_node(&self, ctx: &Context<'_>) -> Result<Option<Recipient>, Fault> {
        Session::of(ctx)?.rows().load_one(RecipientKey(self.recipient.to_string())).await
    }
}

impl TryFrom<ServedRow> for Served {
    type Error = Fault;

    fn try_from(row: ServedRow) -> Result<Self, Fault> {
        Ok(Self {
            delivery: row.delivery.to_string().into(),
            recipient: row.recipient.into(),
            channel: Channel::read(&row.channel)?,
            outcome: Outcome::read(row.outcome.as_str())?,
            served_at: row.served_at.into(),
            bounced_at: row.bounced_at.map(Into::into),
            resend_of: row.resend_of.map(|id| id.to_string().into()),
            correction: row.correction,
            correction_delivery: row.correction_delivery.map(|id| id.to_string().into()),
            corrected_at: row.corrected_at.map(Into::into),
            position: LogPosition(Position(row.position)),
        })
    }
}
