use chrono::{DateTime, Utc};
use projections::tenants::queries::CalendarRow;
use schema::{Calendar, Invalid};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which days are no business days. One must be left in any 32 days.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CalendarBody {
    /// Every one of these: `monday` to `sunday`.
    #[serde(default)]
    #[schema(example = json!(["saturday", "sunday"]))]
    days_off: Vec<String>,
    /// And these dates, at most 1,000: `YYYY-MM-DD`.
    #[serde(default)]
    #[schema(example = json!(["2026-12-25"]))]
    dates_off: Vec<String>,
}

impl CalendarBody {
    pub(super) fn read(&self) -> Result<Calendar, Invalid> {
        Ok(Calendar {
            days_off: self.days_off.iter().map(|day| day.parse()).collect::<Result<_, _>>()?,
            dates_off: self.dates_off.iter().map(|date| date.parse()).collect::<Result<_, _>>()?,
        })
    }
}

/// A calendar, as the read model has it.
#[derive(Debug, Serialize, ToSchema)]
pub struct CalendarView {
    /// Its name.
    calendar: String,
    /// Every one of these is no business day: `monday` to `sunday`.
    days_off: Vec<String>,
    /// Nor are these dates: `YYYY-MM-DD`.
    dates_off: Vec<String>,
    /// Who changed it last.
    changed_by: String,
    /// When.
    changed_at: DateTime<Utc>,
}

impl From<CalendarRow> for CalendarView {
    fn from(row: CalendarRow) -> Self {
        let Calendar { days_off, dates_off } = row.days.0;
        let CalendarRow { calendar, changed_by, changed_at, .. } = row;
        Self {
            calendar,
            days_off: days_off.iter().map(|day| day.as_str().to_owned()).collect(),
            dates_off: dates_off.iter().map(ToString::to_string).collect(),
            changed_by,
            changed_at,
        }
    }
}
