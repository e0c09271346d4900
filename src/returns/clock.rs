use schema::Timestamp;

/// This node's clock: the one place among returns that reads it.
#[expect(clippy::disallowed_methods, reason = "the one place that looks at the wall clock")]
pub(crate) fn now() -> Timestamp {
    chrono::Utc::now().into()
}
