use chrono::{DateTime, Utc};
use projections::groups::{GroupRow, MemberKind, MemberRow};
use schema::Invalid;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is said of a group.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupBody {
    /// Its name for people: one line of 1 to 200 bytes.
    #[schema(example = "Market risk, London")]
    pub title: String,
}

/// Recipients to come and to go, in one go: all of it holds, or nothing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MembersBody {
    /// Who is to belong to the group; with `remove` 1,000 at most.
    #[serde(default)]
    pub add: Vec<String>,
    /// Who is not. Who is named in both stays.
    #[serde(default)]
    pub remove: Vec<String>,
}

/// A group, as the read model has it.
#[derive(Debug, Serialize, ToSchema)]
pub struct GroupView {
    /// Its name.
    group: String,
    /// Its name for people.
    title: String,
    /// How many recipients it holds itself.
    recipient_count: i64,
    /// How many groups it holds itself, whose members count as its own.
    group_count: i64,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When anything of it last changed.
    changed_at: DateTime<Utc>,
    /// When it was retired, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    retired_at: Option<DateTime<Utc>>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    retire_reason: Option<String>,
    /// The state it is in: the ETag's number.
    sequence: i64,
}

impl From<GroupRow> for GroupView {
    fn from(row: GroupRow) -> Self {
        Self {
            group: row.group_id,
            title: row.title,
            recipient_count: row.recipient_count,
            group_count: row.group_count,
            created_at: row.created_at,
            changed_at: row.changed_at,
            retired_at: row.retired_at,
            retire_reason: row.retire_reason,
            sequence: row.sequence,
        }
    }
}

/// What a group holds itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct MemberView {
    /// What it is: `recipient` or `group`.
    #[schema(example = "recipient")]
    kind: &'static str,
    /// Its name.
    member: String,
    /// Who added it.
    added_by: String,
    /// When.
    added_at: DateTime<Utc>,
}

impl From<MemberRow> for MemberView {
    fn from(row: MemberRow) -> Self {
        let MemberRow { kind, member, added_by, added_at, .. } = row;
        Self { kind: kind.as_str(), member, added_by, added_at }
    }
}

pub(super) fn kind(word: &str) -> Result<MemberKind, Invalid> {
    match word {
        "recipient" => Ok(MemberKind::Recipient),
        "group" => Ok(MemberKind::Group),
        _ => Err(Invalid::new("kind", word, "must be recipient or group")),
    }
}
