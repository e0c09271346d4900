use schema::Timestamp;

/// This crate's only look at the clock.
#[expect(clippy::disallowed_methods, reason = "the one place that looks at the wall clock")]
pub fn now() -> Timestamp {
    Timestamp::from(chrono::Utc::now())
}
