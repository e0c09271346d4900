use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970-01-01: the one look at the wall clock in this crate, for a webhook's timestamp and an HTTP date.
#[expect(clippy::disallowed_methods, reason = "the one place that looks at the wall clock")]
pub fn unix_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
