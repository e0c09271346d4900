//! One line per answered request, and the trace it belongs to. Paths are logged as their pattern: a token or an id in
//! the path, and whatever stands in the query, never reaches a log.

use std::fmt;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use rand::Rng;
use tracing::field::Empty;
use tracing::{Instrument, info, info_span};

use crate::auth::Caller;
use schema::ApiKeyId;

/// W3C Trace Context, version 00: `00-<trace id>-<parent id>-<flags>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceParent(String);

impl TraceParent {
    /// The request's own, when it is well formed; else a fresh one is to be used, as the specification asks.
    fn received(headers: &HeaderMap) -> Option<Self> {
        let received = headers.get("traceparent").and_then(|value| value.to_str().ok());
        received.filter(|text| is_well_formed(text)).map(|text| Self(text.to_owned()))
    }

    fn fresh() -> Self {
        let mut random = rand::rng();
        // Never all zero: the specification calls that invalid.
        let (trace, parent) = (random.random::<u128>() | 1, random.random::<u64>() | 1);
        Self(format!("00-{trace:032x}-{parent:016x}-01"))
    }

    /// The trace of this request.
    #[must_use]
    pub fn of(parts: &Parts) -> Self {
        let known = parts.extensions.get::<Self>().cloned();
        known.or_else(|| Self::received(&parts.headers)).unwrap_or_else(Self::fresh)
    }

    /// The part that is common to all of a trace.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        self.0.get(3..35).unwrap_or_default()
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_well_formed(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [version, trace, parent, flags] = parts.as_slice() else { return false };
    let hex = |part: &str, digits: usize| {
        part.len() == digits && part.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
    };
    let some = |part: &str| part.bytes().any(|c| c != b'0');
    *version == "00"
        && hex(trace, 32)
        && some(trace)
        && hex(parent, 16)
        && some(parent)
        && hex(flags, 2)
}

/// The outermost layer: gives the request its trace, and says how it was answered.
pub(crate) async fn access_log(mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let received = TraceParent::received(request.headers());
    let begins = received.is_none();
    let traceparent = received.unwrap_or_else(TraceParent::fresh);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    request.extensions_mut().insert(traceparent.clone());
    let route = route.as_ref().map_or("unknown", MatchedPath::as_str);
    let span = info_span!(
        "request", traceparent = %traceparent, trace.begins = begins, http.method = %method, http.route = route,
        http.status = Empty
    );
    let response = next.run(request).instrument(span.clone()).await;
    span.record("http.status", response.status().as_u16());
    drop(span);
    let (status, elapsed) = (response.status().as_u16(), began.elapsed());
    let caller = response.extensions().get::<Caller>();
    let tenant = caller.map_or("", |caller| caller.tenant.as_str());
    let key = caller.and_then(Caller::key).map_or("", ApiKeyId::as_str);
    let trace = traceparent.trace_id();
    let elapsed_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
    info!(
        http.method = %method, http.route = route, http.status = status,
        elapsed_us, tenant, key, trace,
        "{method} {route} answered {status} in {elapsed_us} µs"
    );
    let labels = [("route", route.to_owned()), ("status", class_of(status).to_owned())];
    metrics::histogram!("waybill_http_request_seconds", &labels).record(elapsed.as_secs_f64());
    response
}

const fn class_of(status: u16) -> &'static str {
    match status {
        0..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::{TraceParent, is_well_formed};

    #[test]
    fn a_fresh_traceparent_is_well_formed() {
        assert!(is_well_formed(&TraceParent::fresh().to_string()));
    }

    #[test]
    fn an_example_of_the_specification_is_taken_and_a_zero_trace_is_not() {
        assert!(is_well_formed("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        assert!(!is_well_formed("00-00000000000000000000000000000000-00f067aa0ba902b7-01"));
        assert!(!is_well_formed("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"));
        assert!(!is_well_formed("garbage\r\nX: y"));
    }
}
