use chrono::{DateTime, Utc};
use schema::events::ArtifactRef;
use schema::{Attributes, Severity};
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

/// An entry of an inbox, with what its version says of itself.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct InboxRow {
    /// The delivery that brought it.
    pub delivery: Uuid,
    /// Whose inbox.
    pub recipient: String,
    /// Of which run.
    pub distribution: Uuid,
    /// Which report.
    pub report: String,
    /// Which version.
    pub version: String,
    /// The report's title when the version came in.
    pub title: String,
    /// What the version says of itself.
    pub attributes: Json<Attributes>,
    /// The version's files, as they were published.
    pub artifacts: Json<Vec<ArtifactRef>>,
    /// The only format that came with it; all, when absent.
    pub format: Option<String>,
    /// 0 for what was planned, then 1, 2, …: which repetition it is.
    pub resend: i64,
    /// The version that takes its place.
    pub corrected_by: Option<String>,
    /// When its version was taken back.
    pub withdrawn_at: Option<DateTime<Utc>>,
    /// Why.
    pub withdraw_reason: Option<String>,
    /// When it came.
    pub served_at: DateTime<Utc>,
    /// SHA-256 of its canonical form, hexadecimal; absent where a person found that it is there.
    pub content_sha256: Option<String>,
    /// When it was read first.
    pub read_at: Option<DateTime<Utc>>,
    /// When the recipient took note of it.
    pub acknowledged_at: Option<DateTime<Utc>>,
    /// Until when it was put off last (exclusive); may have passed.
    pub snoozed_until: Option<DateTime<Utc>>,
    /// What the recipient said last of whether it came on time ([`schema::events::OnTimeAnswer`]'s name).
    pub answer: Option<String>,
    /// By which event it came: its place in the list.
    pub position: i64,
    /// The last event of its stream that changed it.
    pub last_position: i64,
}

impl InboxRow {
    /// How much its version matters.
    #[must_use]
    pub fn severity(&self) -> Severity {
        Severity::of(&self.attributes)
    }
}
