use schema::{RecipientId, Timestamp};

use super::Wish;

/// What a subscriber may ask for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Begin, or begin again after it was ended.
    Subscribe(Wish),
    /// Replace what it says, as a whole. A pause stays.
    Change(Wish),
    /// Have a member of the group get none of it.
    OptOut {
        /// Who.
        recipient: RecipientId,
        /// Why, or how: `one_click`, `requested`, ….
        reason: String,
    },
    /// Have a member who wanted none of it get it again.
    OptIn {
        /// Who.
        recipient: RecipientId,
    },
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
