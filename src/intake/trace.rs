/// A W3C Trace Context header of version 00 (<https://www.w3.org/TR/trace-context/>), or nothing when it is malformed:
/// then the trace begins here.
#[must_use]
pub fn checked_traceparent(text: &str) -> Option<String> {
    let mut parts = text.split('-');
    let mut part = |length: usize| {
        let is_hex = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
        parts.next().filter(|part| part.len() == length && part.bytes().all(is_hex))
    };
    let is_set = |part: &str| part.bytes().any(|c| c != b'0');
    let (version, trace, span) = (part(2)?, part(32)?, part(16)?);
    part(2)?;
    let is_whole = version == "00" && is_set(trace) && is_set(span) && parts.next().is_none();
    is_whole.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::checked_traceparent;

    #[test]
    fn a_trace_context_is_kept_only_when_it_is_well_formed() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(checked_traceparent(good).as_deref(), Some(good));
        for bad in [
            "",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(checked_traceparent(bad), None, "{bad}");
        }
    }
}
