use std::collections::BTreeSet;

use schema::{Addressee, GroupId, RecipientId};
use serde::{Deserialize, Serialize};

use super::Event;

/// What a group holds itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Members {
    /// Recipients.
    pub recipients: BTreeSet<RecipientId>,
    /// Groups, whose members count as its own.
    pub groups: BTreeSet<GroupId>,
}

/// Where a group stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Never made.
    #[default]
    Unknown,
    /// There.
    Active {
        /// Its name for people.
        title: String,
        /// What it holds itself.
        #[serde(flatten)]
        members: Members,
    },
    /// Nobody gets anything by it any more.
    Retired,
}

impl Group {
    /// What it holds itself; nothing unless it is there.
    #[must_use]
    pub const fn members(&self) -> Option<&Members> {
        match self {
            Self::Active { members, .. } => Some(members),
            Self::Unknown | Self::Retired => None,
        }
    }

    pub(super) fn evolve(&mut self, event: &Event) {
        match (event, &mut *self) {
            (Event::GroupCreated { title }, _) => {
                *self = Self::Active { title: title.clone(), members: Members::default() };
            }
            (Event::GroupChanged { title: changed }, Self::Active { title, .. }) => {
                title.clone_from(changed);
            }
            (Event::MemberAdded { member }, Self::Active { members, .. }) => members.add(member),
            (Event::MemberRemoved { member }, Self::Active { members, .. }) => {
                members.remove(member);
            }
            (Event::GroupRetired { .. }, _) => *self = Self::Retired,
            (
                Event::GroupChanged { .. }
                | Event::MemberAdded { .. }
                | Event::MemberRemoved { .. },
                Self::Unknown | Self::Retired,
            ) => {}
        }
    }
}

impl Members {
    fn add(&mut self, member: &Addressee) {
        match member {
            Addressee::Recipient(recipient) => self.recipients.insert(recipient.clone()),
            Addressee::Group(group) => self.groups.insert(group.clone()),
        };
    }

    fn remove(&mut self, member: &Addressee) {
        match member {
            Addressee::Recipient(recipient) => self.recipients.remove(recipient),
            Addressee::Group(group) => self.groups.remove(group),
        };
    }
}
