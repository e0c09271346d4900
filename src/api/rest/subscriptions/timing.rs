use schema::{CalendarName, Invalid, Timing};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// When something may be sent, by the clocks of the recipient's zone. A time that clocks leap over is the instant at
/// which the leap ends; of one that comes twice, the first counts.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TimingBody {
    /// Only at this time of the day, the next one: `HH:MM`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "08:00")]
    at: Option<String>,
    /// Only on business days of this calendar; `weekdays` is Monday to Friday.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "weekdays")]
    calendar: Option<String>,
    /// Not within these hours, but at their end: `HH:MM-HH:MM`, over midnight where the second is the earlier one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "22:00-07:00")]
    quiet_hours: Option<String>,
}

impl TimingBody {
    pub(super) fn read(self) -> Result<Timing, Invalid> {
        Ok(Timing {
            at: self.at.map(|at| at.parse()).transpose()?,
            calendar: self.calendar.map(CalendarName::try_new).transpose()?,
            quiet_hours: self.quiet_hours.map(|hours| hours.parse()).transpose()?,
        })
    }

    /// Nothing, where nothing is said.
    pub(super) fn of(timing: &Timing) -> Option<Self> {
        let Timing { at, calendar, quiet_hours } = timing;
        (!timing.is_immediate()).then(|| Self {
            at: at.map(|at| at.to_string()),
            calendar: calendar.as_ref().map(ToString::to_string),
            quiet_hours: quiet_hours.map(|hours| hours.to_string()),
        })
    }
}
