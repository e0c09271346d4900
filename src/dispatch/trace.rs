use rand::Rng;

/// The W3C Trace Context (<https://www.w3.org/TR/trace-context/>) of one attempt: the trace of the report's intake
/// with a span of its own. Nothing when the intake had none or it is malformed.
pub(crate) fn child(parent: Option<&str>) -> Option<String> {
    let (version, rest) = parent?.split_once('-')?;
    let (trace, rest) = rest.split_once('-')?;
    let (span, flags) = rest.split_once('-')?;
    let hex = |text: &str, len| text.len() == len && text.bytes().all(|c| c.is_ascii_hexdigit());
    if version != "00" || !hex(trace, 32) || !hex(span, 16) || !hex(flags, 2) {
        return None;
    }
    let span: u64 = rand::rng().random_range(1..=u64::MAX);
    Some(format!("00-{trace}-{span:016x}-{flags}"))
}

#[cfg(test)]
mod tests {
    use super::child;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn an_attempt_stays_in_the_trace_with_a_span_of_its_own() {
        let traceparent = child(Some(PARENT)).unwrap_or_default();
        assert!(traceparent.starts_with("00-0af7651916cd43dd8448eb211c80319c-"));
        assert!(traceparent.ends_with("-01"));
        assert_eq!(traceparent.len(), PARENT.len());
        assert_ne!(traceparent, PARENT);
    }

    #[test]
    fn what_is_no_trace_context_is_not_passed_on() {
        assert_eq!(child(None), None);
        assert_eq!(child(Some("00-short-b7ad6b7169203331-01")), None);
        assert_eq!(child(Some("nonsense")), None);
    }
}
