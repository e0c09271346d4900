use metrics::counter;

use crate::{Recorded, ReturnError};

/// Messages that came back, by what they are and what became of them.
const RETURNS_TOTAL: &str = "waybill_mail_returns_total";

/// Counts one message. What could not be understood has the kind `unknown`.
pub(crate) fn returned(kind: &'static str, result: &Result<Recorded, ReturnError>) {
    let result = match result {
        Ok(recorded) if recorded.news => "recorded",
        Ok(_) => "nothing_new",
        Err(error) => error.name(),
    };
    counter!(RETURNS_TOTAL, "kind" => kind, "result" => result).increment(1);
}
