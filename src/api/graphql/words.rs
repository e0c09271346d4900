//! Closed sets of words. Their values are spelled as events, tables and REST spell them, so that one can be pasted into
//! the other.

use async_graphql::Enum;
use schema::events::EntryMark;

use super::fault::Fault;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident {
        $($(#[$item_doc:meta])* $item:ident = $text:literal),+ $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
        #[graphql(rename_items = "snake_case")]
        pub enum $name { $($(#[$item_doc])* $item),+ }

        impl $name {
            /// The word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$item => $text),+ }
            }

            /// The value that a read model's word stands for.
            ///
            /// # Errors
            /// An internal fault when a newer program wrote a word this one does not know.
            pub fn read(text: &str) -> Result<Self, Fault> {
                match text {
                    $($text => Ok(Self::$item),)+
                    _ => Err(Fault::internal(concat!("a row holds an unknown ", stringify!($name)))),
                }
            }
        }
    };
}

words!(
    /// How a report reaches a recipient.
    Channel {
        /// Mail by SMTP. Ends as accepted: the next server has it, nothing more is promised.
        Mail = "mail",
        /// An HTTP POST after Standard Webhooks v1. Ends as delivered: a 2xx is the receiver's own proof.
        Webhook = "webhook",
        /// The recipient's own list, on this installation. Ends as delivered: the row is its own proof.
        Inbox = "inbox",
    }
);
words!(
    /// Where a delivery stands.
    DeliveryState {
        /// Not yet tried.
        Scheduled = "scheduled",
        /// An attempt is under way.
        Attempting = "attempting",
        /// The last attempt failed, another follows.
        Retrying = "retrying",
        /// The last attempt may have arrived; another follows under the same idempotency key.
        InDoubt = "in_doubt",
        /// The last attempt may have arrived; a person must say.
        Held = "held",
        /// It ended, once and for all.
        Closed = "closed",
    }
);
words!(
    /// How a delivery ended.
    Outcome {
        /// The receiver confirmed it.
        Delivered = "delivered",
        /// Handed over; nothing more is promised.
        Accepted = "accepted",
        /// Given up.
        DeadLettered = "dead_lettered",
        /// Called off.
        Cancelled = "cancelled",
        /// Its deadline passed.
        Expired = "expired",
        /// Held back by a rule at the moment of sending.
        Suppressed = "suppressed",
    }
);
words!(
    /// Why an attempt failed, by what can be done about it.
    FailureClass {
        /// It may work later.
        Transient = "transient",
        /// The other side asks for less.
        Throttled = "throttled",
        /// Our credentials are refused.
        Auth = "auth",
        /// What we were told to do cannot be done this way.
        Config = "config",
        /// This content is refused.
        Content = "content",
        /// This address does not exist or wants nothing any more.
        RecipientPermanent = "recipient_permanent",
        /// A rule forbids it.
        Policy = "policy",
        /// It may have arrived.
        InDoubt = "in_doubt",
        /// No table knows the answer.
        Unknown = "unknown",
    }
);
words!(
    /// Why a considered pair of subscription and recipient led to no delivery.
    NotPlannedReason {
        /// The version's attributes are not those asked for.
        AttributesDiffer = "attributes_differ",
        /// The subscription was paused.
        Paused = "paused",
        /// No valid grant covered the report.
        NotEntitled = "not_entitled",
        /// The recipient had no active address on any channel the subscription names.
        NoAddress = "no_address",
        /// The version has no artifact in any format the subscription names.
        NoFormat = "no_format",
        /// Another subscription of the recipient already led to the same delivery.
        SameDelivery = "same_delivery",
        /// The recipient had been retired.
        RecipientRetired = "recipient_retired",
        /// Every active address on the channels the subscription names was suppressed.
        SuppressedAddress = "suppressed_address",
        /// The time at which the subscription wants it lies behind its deadline.
        AfterDeadline = "after_deadline",
        /// The subscription went by a calendar that had been removed.
        UnknownCalendar = "unknown_calendar",
        /// The version was withdrawn or corrected before this slice was planned.
        Withdrawn = "withdrawn",
    }
);
words!(
    /// Whether a subscription holds.
    SubscriptionState {
        /// It holds.
        Active = "active",
        /// It holds back.
        Paused = "paused",
        /// It is over.
        Ended = "ended",
    }
);
words!(
    /// What kind of recipient it is.
    RecipientKind {
        /// A human being.
        Person = "person",
        /// Several, behind one address.
        Team = "team",
        /// A program.
        System = "system",
    }
);
words!(
    /// How much an entry of an inbox matters.
    Severity {
        /// To be known.
        Info = "info",
        /// To be looked at.
        Warning = "warning",
        /// To be acted on.
        Critical = "critical",
    }
);
words!(
    /// What a recipient says of when it came.
    OnTimeAnswer {
        /// In time for what it is needed for.
        OnTime = "on_time",
        /// Too late for it.
        Late = "late",
    }
);
words!(
    /// What happened to an entry of an inbox.
    InboxUpdateKind {
        /// It came.
        Served = "served",
        /// It was read.
        Read = "read",
        /// The recipient took note of it.
        Acknowledged = "acknowledged",
        /// It was put off.
        Snoozed = "snoozed",
        /// It is put off no longer.
        Unsnoozed = "unsnoozed",
        /// A later version corrects its own.
        Corrected = "corrected",
        /// Its version was taken back.
        Withdrawn = "withdrawn",
    }
);
words!(
    /// What a key may do.
    Scope {
        /// Register and publish reports.
        Publish = "publish",
        /// Keep recipients, entitlements and subscriptions.
        Subscribe = "subscribe",
        /// Read everything but personal data in the clear.
        Read = "read",
        /// Pause, cancel, resend, resolve; issue and revoke keys.
        Operate = "operate",
        /// Read personal data in the clear, and the log itself.
        Audit = "audit",
    }
);
words!(
    /// What a group's member is.
    MemberKind {
        /// A recipient.
        Recipient = "recipient",
        /// A group, whose members count as the group's own.
        Group = "group",
    }
);
words!(
    /// What has a history that can be asked about.
    HistoryKind {
        /// Who wants which report versions, and how.
        Subscription = "subscription",
        /// Who gets reports, with addresses and entitlements.
        Recipient = "recipient",
        /// Recipients under one name.
        Group = "group",
        /// One report version and its run.
        Distribution = "distribution",
        /// One report version to one recipient on one channel.
        Delivery = "delivery",
    }
);
words!(
    /// In which direction a list runs.
    SortOrder {
        /// Smallest or oldest first.
        Ascending = "ascending",
        /// Largest or newest first.
        Descending = "descending",
    }
);

impl From<Severity> for schema::Severity {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Info => Self::Info,
            Severity::Warning => Self::Warning,
            Severity::Critical => Self::Critical,
        }
    }
}

impl From<EntryMark> for InboxUpdateKind {
    fn from(mark: EntryMark) -> Self {
        match mark {
            EntryMark::Read => Self::Read,
            EntryMark::Acknowledged => Self::Acknowledged,
            EntryMark::Snoozed { .. } => Self::Snoozed,
            EntryMark::Unsnoozed => Self::Unsnoozed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Channel, FailureClass, NotPlannedReason, Scope, Severity};

    #[test]
    fn every_word_of_the_schema_is_known_here() {
        for kind in schema::ChannelKind::ALL {
            assert_eq!(Channel::read(kind.as_str()).map(Channel::as_str), Ok(kind.as_str()));
        }
        for class in schema::FailureClass::ALL {
            assert_eq!(
                FailureClass::read(class.as_str()).map(FailureClass::as_str),
                Ok(class.as_str())
            );
        }
        for reason in schema::events::NotPlannedReason::ALL {
            let read = NotPlannedReason::read(reason.as_str());
            assert_eq!(read.map(NotPlannedReason::as_str), Ok(reason.as_str()));
        }
        for severity in schema::Severity::ALL {
            let read = Severity::read(severity.as_str());
            assert_eq!(read.map(schema::Severity::from), Ok(severity));
        }
        for scope in schema::events::Scope::ALL {
            assert_eq!(Scope::read(scope.as_str()).map(Scope::as_str), Ok(scope.as_str()));
        }
    }
}
