use schema::Timestamp;

/// This node's clock: the one place in intake that reads it.
pub(crate) fn now() -> Timestamp {
    chrono::Utc::now().into()
}
