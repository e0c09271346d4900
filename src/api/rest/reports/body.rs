use chrono::{DateTime, Utc};
use projections::reports::queries::ReportRow;
use schema::events::ReportProfile;
use schema::{ColumnSpec, ColumnType};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is said of a kind of report.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportBody {
    /// Its name for people, one line of 1 to 200 bytes; the mail's subject begins with it.
    #[schema(example = "Market risk, daily")]
    title: String,
    /// Who answers for it, as an opaque id of 1 to 128 bytes.
    #[schema(example = "risk-desk")]
    owner: String,
    /// Seconds from receipt of a version until its deliveries expire, 1 to 7,776,000; a day when absent.
    #[serde(default = "a_day")]
    #[schema(default = 86400, minimum = 1, maximum = 7_776_000)]
    deadline_s: u32,
    /// The columns that a version's data frame must have, in their order, at most 1,024; none: a frame may have any. A
    /// CSV file's are text then, a Parquet file's are what it says.
    #[serde(default)]
    columns: Vec<ColumnBody>,
    /// Whether recipients may subscribe themselves on their own page, as far as a grant covers it; false when absent.
    #[serde(default)]
    self_service: bool,
}

/// A column of a report's data frames.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnBody {
    /// Its name, as the header spells it: one line of 1 to 200 bytes.
    #[schema(example = "desk")]
    name: String,
    /// What its values are: text, integer, decimal, boolean, date or timestamp.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "text")]
    kind: ColumnType,
    /// Whether a value may be missing; false when absent.
    #[serde(default)]
    nullable: bool,
}

impl From<ColumnBody> for ColumnSpec {
    fn from(ColumnBody { name, kind, nullable }: ColumnBody) -> Self {
        Self { name, kind, nullable }
    }
}

const fn a_day() -> u32 {
    24 * 60 * 60
}

impl From<ColumnSpec> for ColumnBody {
    fn from(ColumnSpec { name, kind, nullable }: ColumnSpec) -> Self {
        Self { name, kind, nullable }
    }
}

impl From<ReportBody> for ReportProfile {
    fn from(body: ReportBody) -> Self {
        let ReportBody { title, owner, deadline_s, columns, self_service } = body;
        let columns = columns.into_iter().map(Into::into).collect();
        Self { title, owner, deadline_s, columns, self_service }
    }
}

/// A kind of report, as the read model has it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportView {
    /// Its name.
    report: String,
    /// Its name for people.
    title: String,
    /// Who answers for it.
    owner: String,
    /// Seconds from receipt of a version until its deliveries expire.
    deadline_s: i64,
    /// When it was made known.
    registered_at: DateTime<Utc>,
    /// When its profile last changed.
    changed_at: DateTime<Utc>,
    /// When it was retired, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    retired_at: Option<DateTime<Utc>>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    retire_reason: Option<String>,
    /// The columns its data frames must have, in their order, if it declares any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    columns: Vec<ColumnBody>,
    /// Whether recipients may subscribe themselves; absent where not.
    #[serde(skip_serializing_if = "Option::is_none")]
    self_service: Option<bool>,
    /// The state it is in: the ETag's number.
    sequence: i64,
}

impl From<ReportRow> for ReportView {
    fn from(row: ReportRow) -> Self {
        Self {
            report: row.report,
            title: row.title,
            owner: row.owner,
            deadline_s: row.deadline_s,
            registered_at: row.registered_at,
            changed_at: row.changed_at,
            retired_at: row.retired_at,
            retire_reason: row.retire_reason,
            columns: row.columns.map_or_else(Vec::new, |columns| {
                columns.0.into_iter().map(ColumnBody::from).collect()
            }),
            self_service: row.self_service.filter(|open| *open),
            sequence: row.sequence,
        }
    }
}
