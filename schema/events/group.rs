use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EventBody;
use crate::{Addressee, AggregateType};

/// What has happened to a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub enum GroupEvent {
    /// The group was made.
    GroupCreated {
        /// Its name for people.
        title: String,
    },
    /// What it is called from now on.
    GroupChanged {
        /// Its name for people.
        title: String,
    },
    /// Someone belongs to it: a recipient, or whoever belongs to another group.
    MemberAdded {
        /// Who.
        #[serde(flatten)]
        member: Addressee,
    },
    /// Someone belongs to it no more.
    MemberRemoved {
        /// Who.
        #[serde(flatten)]
        member: Addressee,
    },
    /// Nobody gets anything by it any more.
    GroupRetired {
        /// Why.
        reason: String,
    },
}

impl EventBody for GroupEvent {
    const AGGREGATE_TYPE: AggregateType = AggregateType::Group;

    fn event_type(&self) -> &'static str {
        match self {
            Self::GroupCreated { .. } => "GroupCreated",
            Self::GroupChanged { .. } => "GroupChanged",
            Self::MemberAdded { .. } => "MemberAdded",
            Self::MemberRemoved { .. } => "MemberRemoved",
            Self::GroupRetired { .. } => "GroupRetired",
        }
    }
}
