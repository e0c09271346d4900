use std::collections::BTreeSet;

use schema::events::{GroupSubscriptionBody, SubscriptionBody};
use schema::{Addressee, Preferences, RecipientId, Selector, Timestamp};
use serde::{Deserialize, Serialize};

use super::Event;

/// What a subscription says, as a whole, whoever it is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wish {
    /// Who gets it. Never changes within a subscription.
    #[serde(flatten)]
    pub subscriber: Addressee,
    /// Which report versions.
    pub selector: Selector,
    /// How.
    pub preferences: Preferences,
}

impl From<SubscriptionBody> for Wish {
    fn from(body: SubscriptionBody) -> Self {
        let SubscriptionBody { recipient, selector, preferences } = body;
        Self { subscriber: Addressee::Recipient(recipient), selector, preferences }
    }
}

impl From<GroupSubscriptionBody> for Wish {
    fn from(body: GroupSubscriptionBody) -> Self {
        let GroupSubscriptionBody { group, selector, preferences } = body;
        Self { subscriber: Addressee::Group(group), selector, preferences }
    }
}

/// Members of a group who want none of it.
pub type OptedOut = BTreeSet<RecipientId>;

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
        body: Wish,
        /// Who of the group wants none of it.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        opted_out: OptedOut,
    },
    /// It holds back.
    Paused {
        /// Which version.
        version: u32,
        /// What it says.
        body: Wish,
        /// Who of the group wants none of it.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        opted_out: OptedOut,
        /// Until when (exclusive); until resumed, when absent.
        until: Option<Timestamp>,
    },
    /// It was ended.
    Ended {
        /// Which version.
        version: u32,
        /// Whose it was.
        #[serde(flatten)]
        subscriber: Addressee,
        /// Who of the group wanted none of it: still so when it begins again.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        opted_out: OptedOut,
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
    pub const fn body(&self) -> Option<&Wish> {
        match self {
            Self::Active { body, .. } | Self::Paused { body, .. } => Some(body),
            Self::Unknown | Self::Ended { .. } => None,
        }
    }

    /// Whose it is, or was, unless it was never begun.
    #[must_use]
    pub const fn subscriber(&self) -> Option<&Addressee> {
        match self {
            Self::Active { body, .. } | Self::Paused { body, .. } => Some(&body.subscriber),
            Self::Ended { subscriber, .. } => Some(subscriber),
            Self::Unknown => None,
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

    /// When its pause ends, where it has one that ends; also after it has ended.
    #[must_use]
    pub const fn paused_until(&self) -> Option<Timestamp> {
        match self {
            Self::Paused { until, .. } => *until,
            Self::Unknown | Self::Active { .. } | Self::Ended { .. } => None,
        }
    }

    /// Whether a member of the group wants none of it.
    #[must_use]
    pub fn has_opted_out(&self, recipient: &RecipientId) -> bool {
        match self {
            Self::Unknown => false,
            Self::Active { opted_out, .. }
            | Self::Paused { opted_out, .. }
            | Self::Ended { opted_out, .. } => opted_out.contains(recipient),
        }
    }

    pub(super) fn evolve(&mut self, event: &Event) {
        let before = std::mem::take(self);
        *self = match event {
            Event::Subscribed { version, body } => before.begun(*version, body.clone().into()),
            Event::GroupSubscribed { version, body } => before.begun(*version, body.clone().into()),
            Event::SubscriptionChanged { version, body } => {
                before.said(*version, body.clone().into())
            }
            Event::GroupSubscriptionChanged { version, body } => {
                before.said(*version, body.clone().into())
            }
            Event::MemberOptedOut { version, recipient, .. } => {
                before.opted(*version, |out| out.insert(recipient.clone()))
            }
            Event::MemberOptedIn { version, recipient } => {
                before.opted(*version, |out| out.remove(recipient))
            }
            Event::SubscriptionPaused { version, until, .. } => {
                before.with_body(|body, opted_out| Self::Paused {
                    version: *version,
                    body,
                    opted_out,
                    until: *until,
                })
            }
            Event::SubscriptionResumed { version } => before
                .with_body(|body, opted_out| Self::Active { version: *version, body, opted_out }),
            Event::Unsubscribed { version, .. } => before.with_body(|body, opted_out| {
                Self::Ended { version: *version, subscriber: body.subscriber, opted_out }
            }),
        };
    }

    fn begun(self, version: u32, body: Wish) -> Self {
        let opted_out = match self {
            Self::Unknown => OptedOut::new(),
            Self::Active { opted_out, .. }
            | Self::Paused { opted_out, .. }
            | Self::Ended { opted_out, .. } => opted_out,
        };
        Self::Active { version, body, opted_out }
    }

    fn said(self, version: u32, body: Wish) -> Self {
        match self {
            Self::Paused { until, opted_out, .. } => {
                Self::Paused { version, body, opted_out, until }
            }
            other => other.begun(version, body),
        }
    }

    fn opted(mut self, now: u32, change: impl FnOnce(&mut OptedOut) -> bool) -> Self {
        match &mut self {
            Self::Unknown => {}
            Self::Active { version, opted_out, .. }
            | Self::Paused { version, opted_out, .. }
            | Self::Ended { version, opted_out, .. } => {
                *version = now;
                change(opted_out);
            }
        }
        self
    }

    fn with_body(self, next: impl FnOnce(Wish, OptedOut) -> Self) -> Self {
        match self {
            Self::Active { body, opted_out, .. } | Self::Paused { body, opted_out, .. } => {
                next(body, opted_out)
            }
            Self::Unknown | Self::Ended { .. } => self,
        }
    }
}
