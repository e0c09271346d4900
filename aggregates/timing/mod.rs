//! From a preference, a zone and a calendar to an instant. Knows no subscription and no delivery: whoever has something
//! to do at a local time may ask.
//!
//! One rule places a local time whatever the clocks do: **the first instant at which clocks in the zone show that time,
//! or, where they leap over it, a later one.** So a time that is leapt over is the instant the leap ends, a time that
//! comes twice is the first of the two, once a day in any case. A date that a zone leaps over as a whole has no times.

mod calendar;
mod instant;
mod local;
#[cfg(test)]
mod tests;

pub use calendar::{Calendars, MAX_DATES_OFF, MAX_DAYS_OFF_IN_A_ROW, WEEKDAYS, calendar, known};
pub use instant::{HORIZON_DAYS, first_instant, holds_back};
