use async_graphql::{ID, InputObject, SimpleObject};
use projections::inbox::{InboxCounts as RowCounts, InboxRow};
use schema::Position;
use schema::events::ArtifactRef;

use crate::entries::Files;
use crate::graphql::fault::Fault;
use crate::graphql::scalars::{Count, Instant, LogPosition};
use crate::graphql::words::{OnTimeAnswer, Severity};

/// An entry of an inbox.
#[derive(Clone, Debug, SimpleObject)]
pub struct InboxEntry {
    /// The delivery that brought it: its name in every request.
    pub delivery: ID,
    /// Whose inbox.
    pub recipient: ID,
    /// Of which run.
    pub distribution: ID,
    /// Which report.
    pub report: ID,
    /// Which version.
    pub version: String,
    /// The report's title when the version came in.
    pub title: String,
    /// How much it matters, as the version's attribute `severity` says; `info` when that says nothing known.
    pub severity: Severity,
    /// The files that came with it.
    pub files: Vec<InboxFile>,
    /// 0 for what was planned, then 1, 2, …: which repetition it is.
    pub resend: Count,
    /// The version that takes its place.
    pub corrected_by: Option<String>,
    /// When its version was taken back.
    pub withdrawn_at: Option<Instant>,
    /// Why.
    pub withdraw_reason: Option<String>,
    /// When it came.
    pub served_at: Instant,
    /// SHA-256 of what it shows, in canonical form; none where a person found that it is there.
    pub content_sha256: Option<String>,
    /// When it was read first.
    pub read_at: Option<Instant>,
    /// When the recipient took note of it.
    pub acknowledged_at: Option<Instant>,
    /// Until when it was put off last; may have passed.
    pub snoozed_until: Option<Instant>,
    /// What the recipient said last of whether it came on time.
    pub on_time_answer: Option<OnTimeAnswer>,
    /// By which event it came.
    pub position: LogPosition,
    /// The last event that changed it.
    pub last_position: LogPosition,
}

/// A file of an entry.
#[derive(Clone, Debug, SimpleObject)]
pub struct InboxFile {
    /// Its name.
    pub name: String,
    /// What kind of file.
    pub format: String,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
    /// How many bytes.
    pub size_bytes: Count,
}

/// How many entries of an inbox wait to be read.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct InboxCounts {
    /// Not read and not put off: the badge.
    pub unread: Count,
    /// Of these, only to be known.
    pub info: Count,
    /// Of these, to be looked at.
    pub warning: Count,
    /// Of these, to be acted on.
    pub critical: Count,
    /// Put off, read or not.
    pub snoozed: Count,
}

/// Which entries of an inbox.
#[derive(Clone, Copy, Debug, Default, InputObject)]
pub struct InboxFilter {
    /// Only what was not read, or only what was.
    pub unread: Option<bool>,
    /// Only what matters so much.
    pub severity: Option<Severity>,
    /// Only what is put off, or only what is not.
    pub snoozed: Option<bool>,
}

impl From<RowCounts> for InboxCounts {
    fn from(counts: RowCounts) -> Self {
        Self {
            unread: Count(counts.unread),
            info: Count(counts.info),
            warning: Count(counts.warning),
            critical: Count(counts.critical),
            snoozed: Count(counts.snoozed),
        }
    }
}

impl From<&ArtifactRef> for InboxFile {
    fn from(file: &ArtifactRef) -> Self {
        Self {
            name: file.name.clone(),
            format: file.format.as_str().to_owned(),
            sha256: file.sha256.to_string(),
            size_bytes: Count(i64::try_from(file.size_bytes).unwrap_or(i64::MAX)),
        }
    }
}

impl InboxEntry {
    /// An entry with its files.
    pub(in crate::graphql) fn of(row: InboxRow, files: &Files) -> Result<Self, Fault> {
        let files = files.get(&row.delivery).into_iter().flatten();
        Ok(Self {
            delivery: row.delivery.into(),
            files: files.map(InboxFile::from).collect(),
            severity: Severity::read(row.severity().as_str())?,
            recipient: row.recipient.into(),
            distribution: row.distribution.into(),
            report: row.report.into(),
            version: row.version,
            title: row.title,
            resend: Count(row.resend),
            corrected_by: row.corrected_by,
            withdrawn_at: row.withdrawn_at.map(Into::into),
            withdraw_reason: row.withdraw_reason,
            served_at: row.served_at.into(),
            content_sha256: row.content_sha256,
            read_at: row.read_at.map(Into::into),
            acknowledged_at: row.acknowledged_at.map(Into::into),
            snoozed_until: row.snoozed_until.map(Into::into),
            on_time_answer: row.answer.as_deref().map(OnTimeAnswer::read).transpose()?,
            position: LogPosition(Position(row.position)),
            last_position: LogPosition(Position(row.last_position)),
        })
    }
}
