use std::collections::HashMap;
use std::time::Duration;

use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

use crate::error::{ApiError, RETRY_AFTER_S};

/// Whose reasons they are (google.rpc.ErrorInfo).
const DOMAIN: &str = "waybill";

/// The same problem as gRPC spells it (google.rpc.Status): its code is the reason, field and rule are a violation.
impl From<ApiError> for Status {
    fn from(error: ApiError) -> Self {
        let ApiError { code, detail, field, value, rule } = error;
        let given = [("value", value), ("rule", rule.clone())];
        let named = given.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?)));
        let mut details = ErrorDetails::new();
        details.set_error_info(code.as_str(), DOMAIN, named.collect::<HashMap<_, _>>());
        if let Some(field) = field {
            details.add_bad_request_violation(field, rule.unwrap_or_else(|| detail.clone()));
        }
        if code.passes() {
            details.set_retry_info(Some(Duration::from_secs(RETRY_AFTER_S)));
        }
        Self::with_error_details(code.grpc(), detail, details)
    }
}
