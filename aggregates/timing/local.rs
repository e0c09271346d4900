use chrono::{DateTime, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::{GapInfo, Tz};
use schema::TimingRule;

/// An instant for a local time, and what the clocks had to do with it.
pub(super) type Placed = (DateTime<Utc>, Option<TimingRule>);

/// The first instant at which clocks in `zone` show `wall`, or, where they leap over it, a later time.
pub(super) fn first(zone: Tz, wall: NaiveDateTime) -> Placed {
    match zone.from_local_datetime(&wall) {
        MappedLocalTime::Single(at) => (at.to_utc(), None),
        MappedLocalTime::Ambiguous(one, other) => {
            (one.min(other).to_utc(), Some(TimingRule::ClockBack))
        }
        MappedLocalTime::None => {
            let end = GapInfo::new(&wall, &zone).and_then(|gap| gap.end);
            let end = end.map_or_else(|| wall.and_utc(), |end| end.to_utc());
            (end, Some(TimingRule::ClockForward))
        }
    }
}

/// The first instant not before `from` at which clocks show `wall` or later. What comes twice may be asked for between
/// the two.
pub(super) fn first_from(zone: Tz, wall: NaiveDateTime, from: DateTime<Utc>) -> Placed {
    let placed = first(zone, wall);
    match zone.from_local_datetime(&wall) {
        MappedLocalTime::Ambiguous(one, other) if placed.0 < from => {
            (one.max(other).to_utc().max(from), Some(TimingRule::ClockBack))
        }
        _ => (placed.0.max(from), placed.1),
    }
}

/// When a date begins in a zone; never, where the zone leaps over it.
pub(super) fn beginning(zone: Tz, date: NaiveDate) -> Option<Placed> {
    let placed = first(zone, date.and_time(NaiveTime::MIN));
    (shown(zone, placed.0).date() == date).then_some(placed)
}

/// What clocks in `zone` show at an instant.
pub(super) fn shown(zone: Tz, at: DateTime<Utc>) -> NaiveDateTime {
    at.with_timezone(&zone).naive_local()
}
