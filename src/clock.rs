use schema::Timestamp;

/// This crate's only look at the clock.
#[expect(clippy::disallowed_methods, reason = "the one place that looks at the wall clock")]
pub fn now() -> Timestamp {
    Timestamp::from(chrono::Utc::now())
}

/// The same for what wants the standard library's own type.
#[expect(clippy::disallowed_methods, reason = "the one place that looks at the wall clock")]
pub fn system_time() -> std::time::SystemTime {
    std::time::SystemTime::now()
}
