use chrono::{DateTime, Utc};
use projections::inbox::{InboxCounts, InboxRow};
use schema::Severity;
use schema::events::ArtifactRef;
use serde::Serialize;
use utoipa::ToSchema;

use crate::entries::Files;
use crate::rest::listing::Listing;
use crate::rest::words::{FormatWord, OnTimeAnswerWord, SeverityWord};

/// Part of an inbox, newest first, and how many entries of the whole wait.
#[derive(Debug, Serialize, ToSchema)]
pub struct InboxView {
    /// The page.
    #[serde(flatten)]
    pub page: Listing<EntryView>,
    /// What waits in the whole inbox.
    pub counts: CountsView,
}

/// How many entries wait to be read.
#[derive(Debug, Serialize, ToSchema)]
pub struct CountsView {
    /// Not read and not put off: the badge.
    unread: i64,
    /// Of these, only to be known.
    info: i64,
    /// Of these, to be looked at.
    warning: i64,
    /// Of these, to be acted on.
    critical: i64,
    /// Put off, read or not.
    snoozed: i64,
}

impl From<InboxCounts> for CountsView {
    fn from(counts: InboxCounts) -> Self {
        let InboxCounts { unread, info, warning, critical, snoozed } = counts;
        Self { unread, info, warning, critical, snoozed }
    }
}

/// An entry of an inbox.
#[derive(Debug, Serialize, ToSchema)]
pub struct EntryView {
    /// The delivery that brought it: its name in every request.
    delivery: String,
    /// Which report.
    report: String,
    /// Which version.
    version: String,
    /// The report's title when the version came in.
    title: String,
    /// How much it matters, as the version's attribute `severity` says; `info` when that says nothing known.
    #[schema(value_type = SeverityWord)]
    severity: Severity,
    /// The files that came with it.
    files: Vec<FileView>,
    /// 0 for what was planned, then 1, 2, …: which repetition it is.
    resend: i64,
    /// The version that takes its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    corrected_by: Option<String>,
    /// When its version was taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawn_at: Option<DateTime<Utc>>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    withdraw_reason: Option<String>,
    /// When it came.
    served_at: DateTime<Utc>,
    /// When it was read first.
    #[serde(skip_serializing_if = "Option::is_none")]
    read_at: Option<DateTime<Utc>>,
    /// When the recipient took note of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged_at: Option<DateTime<Utc>>,
    /// Until when it was put off last; may have passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    snoozed_until: Option<DateTime<Utc>>,
    /// What the recipient said last of whether it came on time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<OnTimeAnswerWord>)]
    on_time_answer: Option<String>,
    /// By which event it came.
    position: i64,
}

/// A file of an entry.
#[derive(Debug, Serialize, ToSchema)]
pub struct FileView {
    /// Its name.
    name: String,
    /// What kind of file.
    #[schema(value_type = FormatWord)]
    format: &'static str,
    /// SHA-256 of its bytes, hexadecimal.
    sha256: String,
    /// How many bytes.
    size_bytes: u64,
}

impl From<&ArtifactRef> for FileView {
    fn from(file: &ArtifactRef) -> Self {
        Self {
            name: file.name.clone(),
            format: file.format.as_str(),
            sha256: file.sha256.to_string(),
            size_bytes: file.size_bytes,
        }
    }
}

impl EntryView {
    /// An entry with its files.
    pub(super) fn of(row: InboxRow, files: &Files) -> Self {
        let files = files.get(&row.delivery).into_iter().flatten();
        Self {
            delivery: row.delivery.to_string(),
            severity: row.severity(),
            files: files.map(FileView::from).collect(),
            report: row.report,
            version: row.version,
            title: row.title,
            resend: row.resend,
            corrected_by: row.corrected_by,
            withdrawn_at: row.withdrawn_at,
            withdraw_reason: row.withdraw_reason,
            served_at: row.served_at,
            read_at: row.read_at,
            acknowledged_at: row.acknowledged_at,
            snoozed_until: row.snoozed_until,
            on_time_answer: row.answer,
            position: row.position,
        }
    }
}
