use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use schema::{Calendar, LocalTime, Planned, Timestamp, Timing, TimingRule, Zone};

use super::local::{Placed, beginning, first, first_from, shown};

/// No further than so many days is a time looked for: nothing is worth sending for longer.
pub const HORIZON_DAYS: usize = 100;

/// The first instant, `from` or later, at which `timing` lets something be sent, with what had a say in it: nothing,
/// when that is `from` itself. The time of the day comes first, then days that are off are passed over, then quiet
/// hours have to end, and where that is on a day off, on the next business day.
///
/// None, when there is no such instant within [`HORIZON_DAYS`].
#[must_use]
pub fn first_instant(
    timing: &Timing,
    zone: Zone,
    calendar: Option<&Calendar>,
    from: Timestamp,
) -> Option<Planned> {
    let search = Search { timing, zone: zone.to_chrono(), calendar };
    let mut found = Found { at: from.to_chrono(), rules: vec![] };
    match timing.at {
        Some(time) => search.time_of_day(&mut found, time)?,
        None => search.business_day(&mut found)?,
    }
    // Whatever ends quiet hours on a day off leads to a business day, whose quiet hours end on that day.
    while search.quiet_hours(&mut found) {
        search.business_day(&mut found)?;
    }
    Some(Planned { due: found.at.into(), zone, rules: found.rules })
}

/// The same for what waits for no time of the day any more: when quiet hours and days off let it go that hold it back
/// at `now`. None, when nothing does.
#[must_use]
pub fn holds_back(
    timing: &Timing,
    zone: Zone,
    calendar: Option<&Calendar>,
    now: Timestamp,
) -> Option<Planned> {
    let timing = Timing { at: None, ..timing.clone() };
    first_instant(&timing, zone, calendar, now).filter(|planned| planned.due > now)
}

struct Search<'s> {
    timing: &'s Timing,
    zone: Tz,
    calendar: Option<&'s Calendar>,
}

struct Found {
    at: DateTime<Utc>,
    rules: Vec<TimingRule>,
}

impl Found {
    fn moved(&mut self, rule: TimingRule, (at, clocks): Placed) {
        self.at = at;
        for rule in [Some(rule), clocks].into_iter().flatten() {
            if !self.rules.contains(&rule) {
                self.rules.push(rule);
            }
        }
    }
}

impl Search<'_> {
    fn is_business_day(&self, date: NaiveDate) -> bool {
        self.calendar.is_none_or(|calendar| calendar.is_business_day(date))
    }

    fn is_quiet(&self, at: DateTime<Utc>) -> bool {
        self.timing.quiet_hours.is_some_and(|quiet| quiet.holds(shown(self.zone, at).time()))
    }

    /// The dates from the one before that of `at`: a leap at midnight may end a date's last time on the next one.
    fn dates(&self, at: DateTime<Utc>) -> impl Iterator<Item = NaiveDate> {
        let date = shown(self.zone, at).date();
        let first = date.checked_sub_days(Days::new(1)).unwrap_or(date);
        first.iter_days().take(HORIZON_DAYS)
    }

    fn time_of_day(&self, found: &mut Found, time: LocalTime) -> Option<()> {
        let mut passed_over = false;
        for date in self.dates(found.at) {
            if beginning(self.zone, date).is_none() {
                continue;
            }
            let (at, clocks) = first(self.zone, date.and_time(time.to_chrono()));
            if at < found.at {
                continue;
            }
            if !self.is_business_day(date) {
                passed_over = true;
                continue;
            }
            found.moved(TimingRule::LocalTime, (at, clocks));
            if passed_over {
                found.moved(TimingRule::BusinessDay, (at, None));
            }
            return Some(());
        }
        None
    }

    fn business_day(&self, found: &mut Found) -> Option<()> {
        let today = shown(self.zone, found.at).date();
        if self.is_business_day(today) {
            return Some(());
        }
        let mut later = self.dates(found.at).filter(|date| *date > today);
        let begins = later
            .find_map(|date| beginning(self.zone, date).filter(|_| self.is_business_day(date)));
        found.moved(TimingRule::BusinessDay, begins?);
        Some(())
    }

    /// False when they do not hold it back.
    fn quiet_hours(&self, found: &mut Found) -> bool {
        let Some(quiet) = self.timing.quiet_hours.filter(|_| self.is_quiet(found.at)) else {
            return false;
        };
        let wall = shown(self.zone, found.at);
        let until = quiet.until.to_chrono();
        let is_today = wall.time() < until;
        let tomorrow = wall.date().checked_add_days(Days::new(1)).unwrap_or(wall.date());
        let date = if is_today { wall.date() } else { tomorrow };
        let placed = first_from(self.zone, date.and_time(until), found.at);
        let is_later = placed.0 > found.at;
        found.moved(TimingRule::QuietHours, placed);
        is_later
    }
}
