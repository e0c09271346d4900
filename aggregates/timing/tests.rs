#![expect(clippy::unwrap_used, reason = "a test says what it expected")]

use std::collections::BTreeSet;

use proptest::prelude::*;
use schema::{Calendar, Planned, Timestamp, Timing, TimingRule, Weekday, Zone};

use super::{calendar, first_instant, holds_back};
use crate::samples::name;

/// Zone, time of day asked for, quiet hours, calendar `weekdays` or none, from, planned, rules. The instants were found
/// by software that is not ours: Python's zoneinfo, asked minute by minute for the first one that shows the time.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    bool,
    &'static str,
    &'static str,
    &'static [TimingRule],
);

use TimingRule::{
    BusinessDay as Day, ClockBack, ClockForward, LocalTime as At, QuietHours as Quiet,
};

const TABLE: &[Row] = &[
    // Leapt over: the instant at which the leap ends.
    (
        "Europe/Berlin",
        "02:30",
        "",
        false,
        "2026-03-28T12:00:00Z",
        "2026-03-29T01:00:00Z",
        &[At, ClockForward],
    ),
    (
        "Europe/London",
        "01:30",
        "",
        false,
        "2026-03-28T12:00:00Z",
        "2026-03-29T01:00:00Z",
        &[At, ClockForward],
    ),
    (
        "America/New_York",
        "02:30",
        "",
        false,
        "2026-03-07T12:00:00Z",
        "2026-03-08T07:00:00Z",
        &[At, ClockForward],
    ),
    (
        "America/St_Johns",
        "02:15",
        "",
        false,
        "2026-03-07T12:00:00Z",
        "2026-03-08T05:30:00Z",
        &[At, ClockForward],
    ),
    (
        "Australia/Lord_Howe",
        "02:15",
        "",
        false,
        "2026-10-03T00:00:00Z",
        "2026-10-03T15:30:00Z",
        &[At, ClockForward],
    ),
    (
        "Pacific/Chatham",
        "03:00",
        "",
        false,
        "2026-09-26T00:00:00Z",
        "2026-09-26T14:00:00Z",
        &[At, ClockForward],
    ),
    (
        "America/Sao_Paulo",
        "00:30",
        "",
        false,
        "2018-11-03T12:00:00Z",
        "2018-11-04T03:00:00Z",
        &[At, ClockForward],
    ),
    (
        "America/Santiago",
        "00:30",
        "",
        false,
        "2026-09-05T12:00:00Z",
        "2026-09-06T04:00:00Z",
        &[At, ClockForward],
    ),
    (
        "Africa/Cairo",
        "00:30",
        "",
        false,
        "2026-04-23T12:00:00Z",
        "2026-04-23T22:00:00Z",
        &[At, ClockForward],
    ),
    (
        "Africa/Casablanca",
        "02:30",
        "",
        false,
        "2026-03-21T12:00:00Z",
        "2026-03-22T02:00:00Z",
        &[At, ClockForward],
    ),
    (
        "Antarctica/Troll",
        "01:30",
        "",
        false,
        "2026-03-28T12:00:00Z",
        "2026-03-29T01:00:00Z",
        &[At, ClockForward],
    ),
    // The leap ends the day.
    (
        "America/Nuuk",
        "23:30",
        "",
        false,
        "2026-03-28T12:00:00Z",
        "2026-03-29T01:00:00Z",
        &[At, ClockForward],
    ),
    // The leap is the day: 2011-12-30 was not.
    ("Pacific/Apia", "08:00", "", false, "2011-12-29T20:00:00Z", "2011-12-30T18:00:00Z", &[At]),
    // Twice: the first of the two, and not once more.
    (
        "Europe/Berlin",
        "02:30",
        "",
        false,
        "2026-10-24T12:00:00Z",
        "2026-10-25T00:30:00Z",
        &[At, ClockBack],
    ),
    ("Europe/Berlin", "02:30", "", false, "2026-10-25T00:30:01Z", "2026-10-26T01:30:00Z", &[At]),
    (
        "Europe/London",
        "01:30",
        "",
        false,
        "2026-10-24T12:00:00Z",
        "2026-10-25T00:30:00Z",
        &[At, ClockBack],
    ),
    (
        "America/New_York",
        "01:30",
        "",
        false,
        "2026-10-31T12:00:00Z",
        "2026-11-01T05:30:00Z",
        &[At, ClockBack],
    ),
    (
        "Australia/Lord_Howe",
        "01:45",
        "",
        false,
        "2026-04-04T00:00:00Z",
        "2026-04-04T14:45:00Z",
        &[At, ClockBack],
    ),
    (
        "Pacific/Chatham",
        "03:00",
        "",
        false,
        "2026-04-04T00:00:00Z",
        "2026-04-04T13:15:00Z",
        &[At, ClockBack],
    ),
    // Clocks that stay as they are.
    ("Asia/Kathmandu", "02:30", "", false, "2026-03-28T12:00:00Z", "2026-03-28T20:45:00Z", &[At]),
    ("Asia/Calcutta", "08:00", "", false, "2026-03-28T12:00:00Z", "2026-03-29T02:30:00Z", &[At]),
    ("UTC", "08:00", "", false, "2026-03-28T08:00:00Z", "2026-03-28T08:00:00Z", &[At]),
    // Quiet hours, over midnight, over a leap, and between the two times of their end.
    (
        "Europe/Berlin",
        "",
        "22:00-07:00",
        false,
        "2026-03-28T22:00:00Z",
        "2026-03-29T05:00:00Z",
        &[Quiet],
    ),
    (
        "Europe/Berlin",
        "",
        "22:00-07:00",
        false,
        "2026-03-29T05:00:00Z",
        "2026-03-29T05:00:00Z",
        &[],
    ),
    (
        "Europe/Berlin",
        "",
        "22:00-02:30",
        false,
        "2026-03-29T00:30:00Z",
        "2026-03-29T01:00:00Z",
        &[Quiet, ClockForward],
    ),
    (
        "Europe/Berlin",
        "",
        "22:00-02:30",
        false,
        "2026-10-25T00:10:00Z",
        "2026-10-25T00:30:00Z",
        &[Quiet, ClockBack],
    ),
    (
        "Europe/Berlin",
        "",
        "22:00-02:30",
        false,
        "2026-10-25T01:10:00Z",
        "2026-10-25T01:30:00Z",
        &[Quiet, ClockBack],
    ),
    (
        "Pacific/Apia",
        "",
        "22:00-07:00",
        false,
        "2011-12-30T09:00:00Z",
        "2011-12-30T17:00:00Z",
        &[Quiet, ClockForward],
    ),
    // Days off.
    ("Asia/Tokyo", "", "", true, "2026-11-28T03:00:00Z", "2026-11-29T15:00:00Z", &[Day]),
    ("Asia/Tokyo", "08:00", "", true, "2026-11-27T03:00:00Z", "2026-11-29T23:00:00Z", &[At, Day]),
    (
        "Asia/Tokyo",
        "",
        "22:00-07:00",
        true,
        "2026-11-27T13:30:00Z",
        "2026-11-29T22:00:00Z",
        &[Quiet, Day],
    ),
    (
        "Asia/Tokyo",
        "",
        "22:00-07:00",
        true,
        "2026-11-26T13:30:00Z",
        "2026-11-26T22:00:00Z",
        &[Quiet],
    ),
];

fn zone(text: &str) -> Zone {
    text.parse().unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn timing(time: &str, quiet: &str, weekdays: bool) -> Timing {
    let is_given = |text: &&str| !text.is_empty();
    Timing {
        at: Some(time).filter(is_given).map(name),
        quiet_hours: Some(quiet).filter(is_given).map(name),
        calendar: weekdays.then(|| name("weekdays")),
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "the table is there to be read")]
fn each_line_of_the_table_of_zones_is_planned_by_the_one_rule() {
    let weekdays = Calendar::weekdays();
    let zones: BTreeSet<_> = TABLE.iter().map(|row| row.0).collect();
    assert!(zones.len() >= 8, "{zones:?}");
    println!("zone | preference | from | planned instant | rules");
    for (name, time, quiet, on_weekdays, from, due, rules) in TABLE {
        let timing = timing(time, quiet, *on_weekdays);
        let calendar = on_weekdays.then_some(&weekdays);
        let planned = first_instant(&timing, zone(name), calendar, at(from)).unwrap();
        let preference = serde_json::to_string(&timing).unwrap();
        let told: Vec<_> = planned.rules.iter().map(|rule| rule.as_str()).collect();
        println!("{name} | {preference} | {from} | {} | {}", planned.due, told.join(", "));
        let expected = Planned { due: at(due), zone: zone(name), rules: rules.to_vec() };
        assert_eq!(planned, expected, "{name} {preference} {from}");
    }
}

#[test]
fn a_holiday_is_passed_over_and_so_is_the_weekend_behind_it() {
    let holidays = Calendar { dates_off: ["2026-12-25"].map(name).into(), ..Calendar::weekdays() };
    let timing = timing("09:00", "", true);
    let planned =
        first_instant(&timing, zone("Europe/Berlin"), Some(&holidays), at("2026-12-24T12:00:00Z"));
    assert_eq!(planned.unwrap().due, at("2026-12-28T08:00:00Z"));
}

#[test]
fn nothing_named_is_at_once() {
    let now = at("2026-03-29T01:00:00Z");
    let planned = first_instant(&Timing::default(), zone("Europe/Berlin"), None, now).unwrap();
    assert_eq!(planned, Planned { due: now, zone: zone("Europe/Berlin"), rules: vec![] });
}

#[test]
fn what_waited_for_its_time_is_held_back_by_quiet_hours_alone() {
    let timing = timing("08:00", "22:00-07:00", false);
    let berlin = zone("Europe/Berlin");
    let held = |now| holds_back(&timing, berlin, None, at(now)).map(|planned| planned.due);
    assert_eq!(held("2026-11-30T12:00:00Z"), None);
    assert_eq!(held("2026-11-30T22:00:00Z"), Some(at("2026-12-01T06:00:00Z")));
}

#[test]
fn a_calendar_without_a_business_day_is_refused() {
    let all = Calendar { days_off: Weekday::ALL.into(), dates_off: BTreeSet::new() };
    let refused = calendar(&all).unwrap_err();
    assert_eq!(refused.field, "days_off");
    assert_eq!(refused.rule, "must leave a day of the week: there would be no business day");
    assert_eq!(calendar(&Calendar::weekdays()), Ok(()));
}

#[test]
fn a_calendar_with_more_than_a_month_of_holidays_in_a_row_is_refused() {
    let first: schema::Date = name("2026-07-06");
    let days = |count| first.to_chrono().iter_days().take(count).map(Into::into).collect();
    // From the Saturday before to the Sunday behind: 2 + 26 + 2 days, or one week more.
    let of = |count| Calendar { dates_off: days(count), ..Calendar::weekdays() };
    assert_eq!(calendar(&of(26)), Ok(()));
    let refused = calendar(&of(33)).unwrap_err();
    let told = (refused.field.as_str(), refused.value.as_str());
    assert_eq!(told, ("dates_off", "2026-07-06"));
    let many = Calendar { dates_off: days(1_001), days_off: BTreeSet::new() };
    assert_eq!(calendar(&many).unwrap_err().value, "1001");
}

proptest! {
    /// Whatever is asked for: not before it, not in quiet hours, on a business day, and asking again from there moves
    /// nothing.
    #[test]
    fn a_planned_instant_is_allowed_and_stays_where_it_is(
        zone_at in 0..chrono_tz::TZ_VARIANTS.len(),
        from_s in 0..4_000_000_000_i64,
        time in proptest::option::of(0..1440_u16),
        quiet in proptest::option::of((0..1440_u16, 1..1440_u16)),
        on_weekdays: bool,
    ) {
        let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let quiet = quiet.map(|(from, long)| {
            format!("{}-{}", clock(from), clock((from + long) % 1440))
        });
        let timing = timing(
            &time.map(clock).unwrap_or_default(),
            &quiet.unwrap_or_default(),
            on_weekdays,
        );
        let zone = zone(chrono_tz::TZ_VARIANTS[zone_at].name());
        let weekdays = Calendar::weekdays();
        let calendar = on_weekdays.then_some(&weekdays);
        let from = Timestamp::from_unix_micros(from_s * 1_000_000);
        let planned = first_instant(&timing, zone, calendar, from).unwrap();
        prop_assert!(planned.due >= from);
        let wall = planned.due.to_chrono().with_timezone(&zone.to_chrono()).naive_local();
        prop_assert!(timing.quiet_hours.is_none_or(|quiet| !quiet.holds(wall.time())));
        // The leap at the end of a Friday may end on a Saturday.
        let is_shifted = planned.rules.contains(&TimingRule::ClockForward);
        prop_assert!(is_shifted || !on_weekdays || weekdays.is_business_day(wall.date()));
        let again = holds_back(&timing, zone, calendar, planned.due);
        prop_assert!(is_shifted || again.is_none(), "{again:?}");
    }
}
