use schema::Timestamp;
use schema::events::SubscriptionBody;

/// What a subscriber may ask for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Begin, or begin again after it was ended.
    Subscribe(SubscriptionBody),
    /// Replace what it says, as a whole. A pause stays.
    Change(SubscriptionBody),
    /// Hold back for a while.
    Pause {
        /// Until when (exclusive); until resumed, when absent.
        until: Option<Timestamp>,
        /// Why.
        reason: String,
        /// The time of the request.
        now: Timestamp,
    },
    /// Hold back no more.
    Resume,
    /// End it.
    Unsubscribe {
        /// Why, or how: `one_click`, `requested`, ….
        reason: String,
    },
}
