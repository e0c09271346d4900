use async_graphql::{ID, InputObject, SimpleObject};
use projections::reports::queries::{self, ReportRow};
use schema::ColumnSpec;

use crate::graphql::scalars::{Count, Instant, LogPosition};

/// A kind of report.
#[derive(Clone, Debug, SimpleObject)]
pub struct Report {
    /// Its name.
    pub id: ID,
    /// Its name for people.
    pub title: String,
    /// Who answers for it, as an opaque id.
    pub owner: String,
    /// Seconds from receipt of a version until its deliveries expire, unless a subscription says less.
    pub deadline_s: Count,
    /// When it was made known.
    pub registered_at: Instant,
    /// When its profile last changed.
    pub changed_at: Instant,
    /// When it was retired, if it was.
    pub retired_at: Option<Instant>,
    /// Why.
    pub retire_reason: Option<String>,
    /// The columns its data frames must have, in their order; none where it declares nothing.
    pub columns: Vec<ReportColumn>,
    /// Whether recipients may subscribe themselves, as far as a grant covers it.
    pub self_service: bool,
    /// By which event it came.
    pub position: LogPosition,
    /// Last sequence of its stream: what If-Match of the REST API compares.
    pub sequence: Count,
}

/// A column of a report's data frames.
#[derive(Clone, Debug, SimpleObject)]
pub struct ReportColumn {
    /// Its name.
    pub name: String,
    /// What its values are: text, integer, decimal, boolean, date or timestamp.
    pub kind: String,
    /// Whether a value may be missing.
    pub nullable: bool,
}

impl From<ColumnSpec> for ReportColumn {
    fn from(ColumnSpec { name, kind, nullable }: ColumnSpec) -> Self {
        Self { name, kind: kind.to_string(), nullable }
    }
}

impl From<ReportRow> for Report {
    fn from(row: ReportRow) -> Self {
        Self {
            id: row.report.into(),
            title: row.title,
            owner: row.owner,
            deadline_s: Count(row.deadline_s),
            registered_at: row.registered_at.into(),
            changed_at: row.changed_at.into(),
            retired_at: row.retired_at.map(Into::into),
            retire_reason: row.retire_reason,
            columns: row.columns.map_or_else(Vec::new, |columns| {
                columns.0.into_iter().map(ReportColumn::from).collect()
            }),
            self_service: row.self_service == Some(true),
            position: LogPosition(schema::Position(row.position)),
            sequence: Count(row.sequence),
        }
    }
}

/// Which reports.
#[derive(Clone, Debug, Default, InputObject)]
pub struct ReportFilter {
    /// Retired ones, or those that are not.
    pub retired: Option<bool>,
    /// Only those of this owner.
    pub owner: Option<String>,
}

impl ReportFilter {
    /// The same question of one tenant's read model.
    #[must_use]
    pub fn of(self, tenant: &schema::TenantId) -> queries::ReportFilter {
        queries::ReportFilter {
            retired: self.retired,
            owner: self.owner,
            ..queries::ReportFilter::of(tenant.as_str())
        }
    }
}
