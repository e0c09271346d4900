use rand::Rng;
use schema::ChannelKind;

/// The W3C Trace Context (<https://www.w3.org/TR/trace-context/>) that goes out with an attempt. A webhook's is a header
/// beside the body, so each attempt has a span of its own; a mail's is part of the mail, which must be the same bytes
/// on every attempt: the intake's own. An inbox's goes nowhere. Nothing when the intake had none or it is malformed.
pub(crate) fn outgoing(channel: ChannelKind, parent: Option<&str>) -> Option<String> {
    let span = match channel {
        ChannelKind::Mail | ChannelKind::Inbox => None,
        ChannelKind::Webhook => Some(rand::rng().random_range(1..=u64::MAX)),
    };
    with_span(parent?, span)
}

fn with_span(parent: &str, own: Option<u64>) -> Option<String> {
    let (version, rest) = parent.split_once('-')?;
    let (trace, rest) = rest.split_once('-')?;
    let (span, flags) = rest.split_once('-')?;
    let hex = |text: &str, len| text.len() == len && text.bytes().all(|c| c.is_ascii_hexdigit());
    if version != "00" || !hex(trace, 32) || !hex(span, 16) || !hex(flags, 2) {
        return None;
    }
    let span = own.map_or_else(|| span.to_owned(), |own| format!("{own:016x}"));
    Some(format!("00-{trace}-{span}-{flags}"))
}

#[cfg(test)]
mod tests {
    use schema::ChannelKind::{Mail, Webhook};

    use super::outgoing;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn an_attempt_stays_in_the_trace_with_a_span_of_its_own() {
        let traceparent = outgoing(Webhook, Some(PARENT)).unwrap_or_default();
        assert!(traceparent.starts_with("00-0af7651916cd43dd8448eb211c80319c-"));
        assert!(traceparent.ends_with("-01"));
        assert_eq!(traceparent.len(), PARENT.len());
        assert_ne!(traceparent, PARENT);
    }

    #[test]
    fn every_attempt_of_a_mail_has_the_intakes_own() {
        assert_eq!(outgoing(Mail, Some(PARENT)).as_deref(), Some(PARENT));
    }

    #[test]
    fn what_is_no_trace_context_is_not_passed_on() {
        for channel in [Mail, Webhook] {
            assert_eq!(outgoing(channel, None), None);
            assert_eq!(outgoing(channel, Some("00-short-b7ad6b7169203331-01")), None);
            assert_eq!(outgoing(channel, Some("nonsense")), None);
        }
    }
}
