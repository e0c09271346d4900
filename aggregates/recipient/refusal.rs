use schema::{AddressId, ChannelKind, GrantId, Invalid};

/// Why a recipient's record stays as it is.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// A text breaks a rule of form.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The recipient is unknown.
    #[error("the recipient is not registered; register it first")]
    NotRegistered,
    /// It is known, and otherwise.
    #[error("the recipient is already registered with another profile; change it instead")]
    AlreadyRegistered,
    /// A retired recipient stays retired.
    #[error("the recipient was retired; register one under another id")]
    Retired,
    /// The name is in use.
    #[error("the recipient already has an address {address}, on {channel}; change that one")]
    AddressTaken {
        /// The name.
        address: AddressId,
        /// The channel it is on.
        channel: ChannelKind,
    },
    /// No address of this name is in use.
    #[error("the recipient has no active address {address}")]
    NoSuchAddress {
        /// The name.
        address: AddressId,
    },
    /// Limited by [`MAX_ADDRESSES`](super::MAX_ADDRESSES).
    #[error("the recipient has {address_count} addresses, which is the most allowed; retire one")]
    TooManyAddresses {
        /// Addresses in use.
        address_count: usize,
    },
    /// Limited by [`MAX_ADDRESS_NAMES`](super::MAX_ADDRESS_NAMES).
    #[error(
        "{name_count} names of addresses were used, which is the most; use a retired one again"
    )]
    TooManyAddressNames {
        /// Names ever used.
        name_count: usize,
    },
    /// Only a webhook is set.
    #[error("the address {address} is on {channel}, not a webhook")]
    NotAWebhook {
        /// The name.
        address: AddressId,
        /// The channel it is on.
        channel: ChannelKind,
    },
    /// Limited by [`MAX_HEADERS`](super::MAX_HEADERS).
    #[error("{header_count} headers are more than the 16 that may be sent along")]
    TooManyHeaders {
        /// Headers asked for.
        header_count: usize,
    },
    /// No such grant holds or ever did.
    #[error("the recipient has no grant {grant}")]
    NoSuchGrant {
        /// The name.
        grant: GrantId,
    },
    /// Limited by [`MAX_GRANTS`](super::MAX_GRANTS).
    #[error("the recipient has {grant_count} grants, which is the most allowed; revoke one")]
    TooManyGrants {
        /// Grants that hold.
        grant_count: usize,
    },
}
