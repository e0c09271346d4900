use schema::{Addressee, Invalid, Timestamp};

/// Why a subscription stays as it is.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// A value breaks a rule of form.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Nobody ever subscribed under this id.
    #[error("the subscription does not exist")]
    NotSubscribed,
    /// It holds already, and says something else.
    #[error("the subscription already exists, in version {version}; change it instead")]
    AlreadySubscribed {
        /// The version that holds.
        version: u32,
    },
    /// An ended subscription must be begun again first.
    #[error("the subscription ended with version {version}; subscribe again")]
    Ended {
        /// The version that ended it.
        version: u32,
    },
    /// A subscription is one recipient's or one group's for good.
    #[error("the subscription belongs to {subscriber} and cannot pass to {wanted}")]
    SubscriberDiffers {
        /// Whose it is.
        subscriber: Addressee,
        /// Whose it was to be.
        wanted: Addressee,
    },
    /// Who has a subscription of its own ends it instead.
    #[error("the subscription is {subscriber}'s own, not a group's: end it instead")]
    NotOfGroup {
        /// Whose it is.
        subscriber: Addressee,
    },
    /// A pause must end in the future.
    #[error("the pause would end at {until}, which is not after now, {now}")]
    PauseInPast {
        /// The end asked for.
        until: Timestamp,
        /// The time of the request.
        now: Timestamp,
    },
}
