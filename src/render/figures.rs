//! What is counted of frames. Labels are names out of fixed sets.

use std::time::Duration;

use metrics::{counter, histogram};
use schema::Format;

use crate::{CheckError, RenderError};

/// Frames rendered, by format and result. A file that was there already is not rendered and not counted.
const RENDERS_TOTAL: &str = "waybill_renders_total";
/// How long that took.
const RENDER_SECONDS: &str = "waybill_render_seconds";
/// Frames checked, by format and result.
const CHECKS_TOTAL: &str = "waybill_frame_checks_total";
/// How long that took.
const CHECK_SECONDS: &str = "waybill_frame_check_seconds";

pub(crate) fn rendered(format: Format, result: &Result<(), RenderError>, took: Duration) {
    let result = result.as_ref().map_or_else(RenderError::code, |()| "rendered");
    counter!(RENDERS_TOTAL, "format" => format.as_str(), "result" => result).increment(1);
    histogram!(RENDER_SECONDS, "format" => format.as_str()).record(took.as_secs_f64());
}

pub(crate) fn checked<T>(format: Format, result: &Result<T, CheckError>, took: Duration) {
    let result = match result {
        Ok(_) => "taken",
        Err(CheckError::Invalid(_)) => "refused",
        Err(CheckError::Artifact(_)) => "not_read",
    };
    counter!(CHECKS_TOTAL, "format" => format.as_str(), "result" => result).increment(1);
    histogram!(CHECK_SECONDS, "format" => format.as_str()).record(took.as_secs_f64());
}
