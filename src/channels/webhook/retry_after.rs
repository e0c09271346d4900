use chrono::DateTime;

/// How long `Retry-After` (RFC 9110 §10.2.3: seconds, or an HTTP date) asks to wait, in milliseconds. `None` when it is
/// neither.
pub fn retry_after_ms(value: &str, now_unix_seconds: i64) -> Option<u64> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|c| c.is_ascii_digit()) {
        // More seconds than there is room for is as long as can be said.
        return Some(value.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(1000));
    }
    let at = DateTime::parse_from_rfc2822(value).ok()?.timestamp();
    let seconds = at.saturating_sub(now_unix_seconds).max(0);
    u64::try_from(seconds).ok().map(|seconds| seconds.saturating_mul(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read() {
        let now = 784_111_777; // Sun, 06 Nov 1994 08:49:37 GMT
        for (value, wanted) in [
            ("120", Some(120_000)),
            (" 0 ", Some(0)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60_000)),
            ("Sun, 06 Nov 1994 08:48:37 GMT", Some(0)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after_ms(value, now), wanted, "{value}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_in_the_header_makes_it_fail(value: String, now: i64) {
            let _ = retry_after_ms(&value, now);
        }
    }
}
