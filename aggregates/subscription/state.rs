use schema::events::SubscriptionBody;
use schema::{RecipientId, Timestamp};
use serde::{Deserialize, Serialize};

use super::Event;

/// Where a subscription stands. `version` counts its changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subscription {
    /// Never begun.
    #[default]
    Unknown,
    /// It holds.
    Active {
        /// Which version.
        version: u32,
        /// What it says.
        body: SubscriptionBody,
    },
    /// It holds back.
    Paused {
        /// Which version.
        version: u32,
        /// What it says.
        body: SubscriptionBody,
        /// Until when (exclusive); until resumed, when absent.
        until: Option<Timestamp>,
    },
    /// It was ended.
    Ended {
        /// Which version.
        version: u32,
        /// Whose it was.
        recipient: RecipientId,
    },
}

impl Subscription {
    /// The version it stands at; 0 before the first.
    #[must_use]
    pub const fn version(&self) -> u32 {
        match self {
            Self::Unknown => 0,
            Self::Active { version, .. }
            | Self::Paused { version, .. }
            | Self::Ended { version, .. } => *version,
        }
    }

    /// What it says, unless it was never begun or was ended.
    #[must_use]
    pub const fn body(&self) -> Option<&SubscriptionBody> {
        match self {
            Self::Active { body, .. } | Self::Paused { body, .. } => Some(body),
            Self::Unknown | Self::Ended { .. } => None,
        }
    }

    /// Whether it holds back at `now`. A pause whose end has come is none.
    #[must_use]
    pub fn is_paused(&self, now: Timestamp) -> bool {
        match self {
            Self::Paused { until, .. } => until.is_none_or(|end| now < end),
            Self::Unknown | Self::Active { .. } | Self::Ended { .. } => false,
        }
    }

    pub(super) fn evolve(&mut self, event: &Event) {
        *self = match (event, std::mem::take(self)) {
            (Event::Subscribed { version, body }, _) => {
                Self::Active { version: *version, body: body.clone() }
            }
            (Event::SubscriptionChanged { version, body }, Self::Paused { until, .. }) => {
                Self::Paused { version: *version, body: body.clone(), until }
            }
            (Event::SubscriptionChanged { version, body }, _) => {
                Self::Active { version: *version, body: body.clone() }
            }
            (Event::SubscriptionPaused { version, until, .. }, state) => {
                state.with_body(|body| Self::Paused { version: *version, body, until: *until })
            }
            (Event::SubscriptionResumed { version }, state) => {
                state.with_body(|body| Self::Active { version: *version, body })
            }
            (Event::Unsubscribed { version, .. }, state) => {
                state.with_body(|body| Self::Ended { version: *version, recipient: body.recipient })
            }
        };
    }

    fn with_body(self, next: impl FnOnce(SubscriptionBody) -> Self) -> Self {
        match self {
            Self::Active { body, .. } | Self::Paused { body, .. } => next(body),
            Self::Unknown | Self::Ended { .. } => self,
        }
    }
}
