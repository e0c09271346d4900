use aggregates::{delivery, recipient};
use schema::DeliveryId;
use store::{AppendError, StoreError, VaultError};

/// Why a message changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReturnError {
    /// It is no message (RFC 5322).
    #[error("it is no message: it has no header")]
    Unreadable,
    /// It is longer than `returns.max_message_bytes`.
    #[error("it is longer than {limit_bytes} bytes (returns.max_message_bytes)")]
    TooLarge {
        /// That many.
        limit_bytes: usize,
    },
    /// It is none of the messages that are understood.
    #[error(
        "it is neither a delivery status (RFC 3464) nor a feedback report (RFC 5965) nor an automatic reply (RFC 3834)"
    )]
    NotAReport,
    /// Nothing in it leads to a delivery.
    #[error("it carries no mark of a mail that was sent from here")]
    Unmarked,
    /// What should lead to a delivery was not made here.
    #[error(
        "the mark it carries was not made here: it is forged, damaged, or of another installation"
    )]
    Forged,
    /// Its mark is genuine, and the ledger or the tenant has no such delivery.
    #[error("there is no delivery {delivery}")]
    UnknownDelivery {
        /// Which was named.
        delivery: DeliveryId,
    },
    /// The delivery's rules say no.
    #[error(transparent)]
    Refused(#[from] delivery::Refusal),
    /// The recipient's rules say no.
    #[error(transparent)]
    RecipientRefused(#[from] recipient::Refusal),
    /// It was decided, but not appended.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// What was said cannot be sealed.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl From<StoreError> for ReturnError {
    fn from(error: StoreError) -> Self {
        Self::Append(error.into())
    }
}

impl ReturnError {
    /// Whether the same message may be taken later: the delivery is still open, or something of ours is away.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::Refused(delivery::Refusal::NotClosed) | Self::Vault(_) => true,
            Self::Append(error) => !matches!(error, AppendError::CommandSeen { .. }),
            _ => false,
        }
    }

    /// Its name in metrics and logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::TooLarge { .. } => "too_large",
            Self::NotAReport => "not_a_report",
            Self::Unmarked => "unmarked",
            Self::Forged => "forged",
            Self::UnknownDelivery { .. } => "unknown_delivery",
            Self::Refused(delivery::Refusal::NotClosed) => "delivery_open",
            Self::Refused(_) | Self::RecipientRefused(_) => "refused",
            Self::Append(_) | Self::Vault(_) => "unavailable",
        }
    }
}
