use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use rand::Rng;

/// Where a span belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The trace.
    pub trace: TraceId,
    /// The span itself.
    pub span: SpanId,
    /// The span it is part of; [`SpanId::INVALID`] when the trace begins with it.
    pub parent: SpanId,
    /// Whether that one is another process's, as far as this one knows.
    pub is_remote: bool,
    flags: TraceFlags,
}

impl Place {
    /// Below the span that a W3C traceparent names; that span itself when the trace begins with it. Nothing when it is
    /// none.
    pub fn of(traceparent: &str, is_itself: bool) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let (_version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
        let flags = u8::from_str_radix(parts.next()?, 16).ok()?;
        let (trace, named) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
        let flags = TraceFlags::new(flags);
        let place = match is_itself {
            true => Self { trace, span: named, parent: SpanId::INVALID, is_remote: false, flags },
            false => Self { trace, span: fresh(), parent: named, is_remote: true, flags },
        };
        Some(place)
    }

    /// Of a part of this span.
    pub fn below(&self) -> Self {
        Self { span: fresh(), parent: self.span, is_remote: false, ..self.clone() }
    }

    /// Whether it is sent: the caller's decision, then the ratio, by the trace's id, so that a trace is sent whole.
    pub fn is_sampled(&self, ratio: f64) -> bool {
        let low = u64::from_be_bytes(self.trace.to_bytes()[8..].try_into().unwrap_or_default());
        self.flags.is_sampled() && (low >> 1) as f64 <= ratio * (u64::MAX >> 1) as f64
    }
}

impl From<&Place> for SpanContext {
    fn from(place: &Place) -> Self {
        Self::new(place.trace, place.span, place.flags, false, TraceState::default())
    }
}

fn fresh() -> SpanId {
    SpanId::from_bytes(rand::rng().random_range(1..=u64::MAX).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_span_is_below_the_one_named_or_that_one_itself() {
        let named = SpanId::from_hex("b7ad6b7169203331").ok();
        let below = Place::of(TRACE, false);
        assert_eq!(below.as_ref().map(|place| place.parent), named);
        assert!(below.as_ref().is_some_and(|place| place.is_remote && Some(place.span) != named));
        let itself = Place::of(TRACE, true);
        assert_eq!(
            itself.as_ref().map(|place| (Some(place.span), place.parent)),
            Some((named, SpanId::INVALID))
        );
        let inner = itself.map(|place| place.below());
        assert_eq!(inner.as_ref().map(|place| Some(place.parent)), Some(named));
        assert_eq!(Place::of("nonsense", false), None);
    }

    #[test]
    fn a_trace_is_sent_whole_or_not_at_all() {
        let sampled =
            |text: &str, ratio| Place::of(text, false).is_some_and(|place| place.is_sampled(ratio));
        assert!(sampled(TRACE, 1.0));
        assert!(!sampled(TRACE, 0.0));
        assert!(!sampled(&TRACE.replace("-01", "-00"), 1.0), "its beginner did not want it");
        let (first, second) = (Place::of(TRACE, false), Place::of(TRACE, true));
        for ratio in [0.1, 0.3, 0.5, 0.7, 0.9] {
            let sampled =
                |place: &Option<Place>| place.as_ref().map(|place| place.is_sampled(ratio));
            assert_eq!(sampled(&first), sampled(&second));
        }
    }
}
