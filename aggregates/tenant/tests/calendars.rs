#![expect(clippy::unwrap_used, reason = "a test says what it expected")]

use schema::{Calendar, CalendarName, Weekday};

use super::*;
use crate::tenant::MAX_CALENDARS;

fn define(calendar: &str, days: Calendar) -> Command {
    Command::DefineCalendar { calendar: name(calendar), days }
}

fn defined(calendar: &str, days: Calendar) -> Event {
    Event::CalendarDefined { calendar: name(calendar), days }
}

fn holidays() -> Calendar {
    Calendar { dates_off: [name("2026-12-25")].into(), ..Calendar::weekdays() }
}

#[test]
fn a_calendar_is_defined_changed_and_removed() {
    given(vec![created()]).when(define("desk", holidays())).then(vec![defined("desk", holidays())]);
    let known = || vec![created(), defined("desk", holidays())];
    given(known()).when(define("desk", holidays())).then(vec![]);
    given(known())
        .when(define("desk", Calendar::weekdays()))
        .then(vec![defined("desk", Calendar::weekdays())]);
    let calendar: CalendarName = name("desk");
    let remove = || Command::RemoveCalendar { calendar: calendar.clone() };
    let removed = Event::CalendarRemoved { calendar: calendar.clone() };
    given(known()).when(remove()).then(vec![removed.clone()]);
    given(vec![created()]).when(remove()).then(vec![]);
    let state = fold::<Rules>(&[created(), defined("desk", holidays()), removed]);
    assert!(state.calendars().unwrap().is_empty());
}

#[test]
fn a_calendar_without_a_business_day_is_not_defined() {
    let all = Calendar { days_off: Weekday::ALL.into(), ..Calendar::default() };
    let days = "monday, tuesday, wednesday, thursday, friday, saturday, sunday";
    let rule = "must leave a day of the week: there would be no business day";
    let refusal = Refusal::Invalid(Invalid::new("days_off", days, rule));
    given(vec![created()]).when(define("desk", all)).refused(refusal);
}

#[test]
fn weekdays_are_the_same_for_everyone() {
    let rule = "is Monday to Friday for every tenant: choose another name";
    let refusal = Refusal::Invalid(Invalid::new("calendar", "weekdays", rule));
    given(vec![created()]).when(define("weekdays", holidays())).refused(refusal);
    given(vec![]).when(define("desk", holidays())).refused(Refusal::NotCreated);
}

#[test]
fn calendars_are_limited_in_number() {
    let mut events = vec![created()];
    events.extend((0..MAX_CALENDARS).map(|n| defined(&format!("c{n}"), holidays())));
    let refusal = Refusal::TooManyCalendars { calendar_count: MAX_CALENDARS };
    given(events.clone()).when(define("desk", holidays())).refused(refusal);
    given(events)
        .when(define("c7", Calendar::weekdays()))
        .then(vec![defined("c7", Calendar::weekdays())]);
}
