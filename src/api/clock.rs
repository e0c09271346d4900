use schema::Timestamp;

/// This crate's only look at the clock.
pub(crate) fn now() -> Timestamp {
    Timestamp::from(chrono::Utc::now())
}
