use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use chrono::{NaiveDate, NaiveTime, Timelike};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{CalendarName, Invalid, Timestamp, Zone};

/// When deliveries may be sent: at once, unless something is named. By the recipient's zone, always.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Timing {
    /// Only at this time of the day: the next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<LocalTime>,
    /// Only on business days of this calendar of the tenant, or of `weekdays`: Monday to Friday.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<CalendarName>,
    /// Not within these hours: at their end instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<QuietHours>,
}

impl Timing {
    /// Whether nothing is named: at once, at any time.
    #[must_use]
    pub const fn is_immediate(&self) -> bool {
        self.at.is_none() && self.calendar.is_none() && self.quiet_hours.is_none()
    }
}

/// A time of the day by the clocks of a zone, to the minute: `08:00`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct LocalTime(#[schemars(with = "String")] NaiveTime);

impl LocalTime {
    /// For chrono.
    #[must_use]
    pub const fn to_chrono(self) -> NaiveTime {
        self.0
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0.hour(), self.0.minute())
    }
}

impl FromStr for LocalTime {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let is_form = text.len() == 5 && text.is_ascii();
        let time = is_form.then(|| NaiveTime::parse_from_str(text, "%H:%M").ok()).flatten();
        let rule = "must be a time of the day from 00:00 to 23:59, such as 08:00";
        time.map(Self).ok_or_else(|| Invalid::new("at", text, rule))
    }
}

/// Hours in which nothing is sent, by the clocks of a zone: `22:00-07:00` begins in the evening and ends, exclusively,
/// in the morning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct QuietHours {
    /// From then.
    pub from: LocalTime,
    /// Until then (exclusive).
    pub until: LocalTime,
}

impl QuietHours {
    /// Whether clocks that show `time` stand within them.
    #[must_use]
    pub fn holds(self, time: NaiveTime) -> bool {
        let (from, until) = (self.from.0, self.until.0);
        if from < until { from <= time && time < until } else { from <= time || time < until }
    }
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from, self.until)
    }
}

impl FromStr for QuietHours {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let rule = "must be two different times of the day joined by a hyphen, such as 22:00-07:00";
        let wrong = || Invalid::new("quiet_hours", text, rule);
        let (from, until) = text.split_once('-').ok_or_else(wrong)?;
        let read = |part: &str| part.parse::<LocalTime>().map_err(|_| wrong());
        let (from, until) = (read(from)?, read(until)?);
        if from == until { Err(wrong()) } else { Ok(Self { from, until }) }
    }
}

/// A day of the week.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    /// All of them, Monday first (ISO 8601).
    pub const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];

    /// The day of the week of a date.
    #[must_use]
    pub fn of(date: NaiveDate) -> Self {
        use chrono::Datelike;
        Self::ALL[date.weekday().num_days_from_monday() as usize]
    }

    /// Its stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Monday => "monday",
            Self::Tuesday => "tuesday",
            Self::Wednesday => "wednesday",
            Self::Thursday => "thursday",
            Self::Friday => "friday",
            Self::Saturday => "saturday",
            Self::Sunday => "sunday",
        }
    }
}

impl FromStr for Weekday {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let found = Self::ALL.into_iter().find(|day| day.as_str() == text);
        found.ok_or_else(|| Invalid::new("days_off", text, "must be a day: monday to sunday"))
    }
}

/// A date without a zone: `2026-12-25`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct Date(#[schemars(with = "String")] NaiveDate);

impl Date {
    /// For chrono.
    #[must_use]
    pub const fn to_chrono(self) -> NaiveDate {
        self.0
    }
}

impl From<NaiveDate> for Date {
    fn from(date: NaiveDate) -> Self {
        Self(date)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m-%d"))
    }
}

impl FromStr for Date {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let is_form = text.len() == 10 && text.is_ascii();
        let date = is_form.then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).flatten();
        let rule = "must be a date such as 2026-12-25";
        date.map(Self).ok_or_else(|| Invalid::new("dates_off", text, rule))
    }
}

macro_rules! by_text {
    ($($name:ident),+) => {$(
        impl TryFrom<String> for $name {
            type Error = Invalid;
            fn try_from(text: String) -> Result<Self, Invalid> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    )+};
}

by_text!(LocalTime, QuietHours, Date);

/// Which days are no business days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Calendar {
    /// Every one of these.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub days_off: BTreeSet<Weekday>,
    /// And these: holidays.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub dates_off: BTreeSet<Date>,
}

impl Calendar {
    /// Monday to Friday, no holidays.
    #[must_use]
    pub fn weekdays() -> Self {
        let days_off = BTreeSet::from([Weekday::Saturday, Weekday::Sunday]);
        Self { days_off, dates_off: BTreeSet::new() }
    }

    /// Whether business is done on a date.
    #[must_use]
    pub fn is_business_day(&self, date: NaiveDate) -> bool {
        !self.days_off.contains(&Weekday::of(date)) && !self.dates_off.contains(&Date(date))
    }
}

/// What had a say in a planned instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimingRule {
    /// The time of the day asked for.
    LocalTime,
    /// Days of the calendar were passed over.
    BusinessDay,
    /// Quiet hours had to end.
    QuietHours,
    /// Clocks leap over the time: the first instant after the leap.
    ClockForward,
    /// Clocks show the time twice: the first of the two.
    ClockBack,
}

impl TimingRule {
    /// Its stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LocalTime => "local_time",
            Self::BusinessDay => "business_day",
            Self::QuietHours => "quiet_hours",
            Self::ClockForward => "clock_forward",
            Self::ClockBack => "clock_back",
        }
    }
}

/// When something is to be sent that is not sent at once, and why then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Planned {
    /// Not before.
    pub due: Timestamp,
    /// By the clocks of which zone.
    pub zone: Zone,
    /// What had a say, in the order in which it did.
    pub rules: Vec<TimingRule>,
}
