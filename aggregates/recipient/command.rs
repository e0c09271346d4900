use schema::events::{RecipientProfile, RetireReason};
use schema::{
    AddressId, ChannelKind, DestinationKey, GrantId, ReportSelector, Sealed, Timestamp,
    WebhookSettings,
};

use super::{SoftBounce, ToSuppress};

/// What may be asked of a recipient's record. Personal data arrives sealed.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Make the recipient known.
    Register(RecipientProfile),
    /// Replace what is known of it, as a whole.
    Change(RecipientProfile),
    /// Reach it here, too.
    AddAddress {
        /// The address's name within the recipient.
        address: AddressId,
        /// On which channel.
        channel: ChannelKind,
        /// Mail address or URL.
        value: Sealed,
        /// Where sends end up, as a pseudonym.
        destination: DestinationKey,
    },
    /// Reach it here instead.
    ChangeAddress {
        /// Which address.
        address: AddressId,
        /// The new value.
        value: Sealed,
        /// Where sends end up, as a pseudonym.
        destination: DestinationKey,
    },
    /// Reach it here no more.
    RetireAddress {
        /// Which address.
        address: AddressId,
        /// Why.
        reason: RetireReason,
    },
    /// Send nothing there, for a while or until it is lifted.
    SuppressAddress(ToSuppress),
    /// Note that a mail came back for a reason that passes; several suppress the address.
    BounceSoftly(SoftBounce),
    /// Send there again.
    LiftSuppression {
        /// Which address.
        address: AddressId,
        /// Why.
        reason: String,
    },
    /// Send to the webhook like this from now on.
    ConfigureWebhook {
        /// Which address.
        address: AddressId,
        /// How.
        settings: WebhookSettings,
    },
    /// Let it have these reports. A grant of the same name is replaced: that is how one is prolonged.
    Grant {
        /// The grant's name within the recipient.
        grant: GrantId,
        /// Which reports.
        report: ReportSelector,
        /// Until when (exclusive); for good, when absent.
        until: Option<Timestamp>,
    },
    /// Let it have them no more by this grant.
    Revoke {
        /// Which grant.
        grant: GrantId,
        /// Why.
        reason: String,
    },
    /// Send it nothing any more, for good.
    Retire {
        /// Why.
        reason: String,
    },
}
