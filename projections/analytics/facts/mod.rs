//! What the log says of deliveries, one row per fact: how a delivery ended, what went wrong with an attempt, what was
//! learned later, what a slice of a plan added up to. Each row carries whatever it is asked by, so that no question
//! needs a second look at the same table.

mod course;
mod courses;
mod rows;

pub use self::courses::{Courses, Needs};
pub use self::rows::{AttemptFact, DeliveryFact, EventRow, EvidenceFact, Fact, SliceFact, Subject};
