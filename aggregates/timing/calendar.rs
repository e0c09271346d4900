use std::borrow::Cow;
use std::collections::BTreeMap;
use std::iter;

use chrono::NaiveDate;
use schema::{Calendar, CalendarName, Date, Invalid, Weekday};

/// The calendars that a tenant defined.
pub type Calendars = BTreeMap<CalendarName, Calendar>;

/// The calendar that every tenant has without defining it: Monday to Friday.
pub const WEEKDAYS: &str = "weekdays";
/// Most dates a calendar may name.
pub const MAX_DATES_OFF: usize = 1_000;
/// Most days in a row without a business day among them.
pub const MAX_DAYS_OFF_IN_A_ROW: usize = 31;

/// The calendar of this name, if there is one.
#[must_use]
pub fn known<'c>(calendars: &'c Calendars, name: &CalendarName) -> Option<Cow<'c, Calendar>> {
    if name.as_str() == WEEKDAYS {
        return Some(Cow::Owned(Calendar::weekdays()));
    }
    calendars.get(name).map(Cow::Borrowed)
}

/// A calendar: at most [`MAX_DATES_OFF`] dates, no more than [`MAX_DAYS_OFF_IN_A_ROW`] days off in
/// a row.
///
/// # Errors
/// [`Invalid`] naming `days_off` or `dates_off`.
pub fn calendar(calendar: &Calendar) -> Result<(), Invalid> {
    if calendar.days_off.len() == Weekday::ALL.len() {
        let days: Vec<_> = calendar.days_off.iter().map(|day| day.as_str()).collect();
        let rule = "must leave a day of the week: there would be no business day";
        return Err(Invalid::new("days_off", &days.join(", "), rule));
    }
    let dates = &calendar.dates_off;
    if dates.len() > MAX_DATES_OFF {
        let rule = format!("must be at most {MAX_DATES_OFF} in number");
        return Err(Invalid::new("dates_off", &dates.len().to_string(), rule));
    }
    match dates.iter().find(|date| is_endless(calendar, **date)) {
        None => Ok(()),
        Some(date) => {
            let most = MAX_DAYS_OFF_IN_A_ROW;
            let rule = format!(
                "must leave a business day: it is one of more than {most} days off in a row"
            );
            Err(Invalid::new("dates_off", &date.to_string(), rule))
        }
    }
}

/// Whether a date lies within more days off in a row than may be.
fn is_endless(calendar: &Calendar, date: Date) -> bool {
    let is_off = |day: &NaiveDate| !calendar.is_business_day(*day);
    let most = MAX_DAYS_OFF_IN_A_ROW + 1;
    let before = iter::successors(date.to_chrono().pred_opt(), NaiveDate::pred_opt);
    let before = before.take_while(is_off).take(most).count();
    let after = date.to_chrono().iter_days().take_while(is_off).take(most).count();
    before + after >= most
}
