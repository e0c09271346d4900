use axum::extract::{Request, State};
use schema::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::ListedAddress;
use utoipa::ToSchema;

use super::apply::{done, suppress, tag_of};
use crate::carry_out::replay;
use crate::change::Change;
use crate::error::{ApiError, Code};
use crate::extract::{from_json, instant, media_type, unsupported, whole};
use crate::outcome::Done;
use crate::state::ApiState;

/// Lines of one request at most.
const MAX_LINES: usize = 10_000;
/// Bytes of one request at most.
const MAX_BODY_BYTES: usize = 4 << 20;

/// One line: what an export tells can be brought in again as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SuppressionLine {
    /// The mail address.
    #[schema(example = "ada@customer.example")]
    address: String,
    /// Until when (RFC 3339, exclusive); until it is lifted, when absent.
    until: Option<String>,
    /// Passed over.
    #[expect(dead_code, reason = "told by an export, decided here anew")]
    reason: Option<String>,
    /// Passed over.
    #[expect(dead_code, reason = "told by an export, found here anew")]
    recipient: Option<String>,
    /// Passed over.
    #[expect(dead_code, reason = "told by an export, found here anew")]
    name: Option<String>,
}

/// A line that was passed over.
#[derive(Debug, Serialize, ToSchema)]
pub struct RejectedLine {
    /// Which, from 1.
    pub line: usize,
    /// Why: field and rule.
    #[schema(example = "address: must be a mail address")]
    pub reason: String,
}

/// What came of an import.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportAnswer {
    /// Lines there were, empty ones left out.
    pub lines: usize,
    /// Addresses that are on the list now, whether anyone has them or not.
    pub listed: usize,
    /// Addresses of recipients that are suppressed because of it.
    pub suppressed: u64,
    /// Lines that were passed over.
    pub rejected: Vec<RejectedLine>,
    /// The position from which it can be read: give it as `at_least_position`.
    pub position: i64,
}

/// Bring in a list of addresses that nothing is to be sent to
///
/// One JSON object a line. A bad line is told by number and reason and stops nothing else. An address that no recipient
/// has yet is kept as a keyed hash and suppressed when it is added. At most 10,000 lines at once; what is brought in
/// twice changes nothing.
#[utoipa::path(
    post, path = "/v1/suppressions", tag = "mail",
    request_body(content = SuppressionLine, content_type = "application/x-ndjson", description = "One object a line"),
    responses((status = 200, description = "Taken", body = ImportAnswer))
)]
pub async fn import_suppressions(
    State(api): State<ApiState>,
    change: Change,
    request: Request,
) -> Result<Done, ApiError> {
    let media = media_type(request.headers());
    if media != "application/x-ndjson" {
        return Err(unsupported(&media, "must be application/x-ndjson"));
    }
    let body = whole(request.into_body(), MAX_BODY_BYTES).await?;
    let digest = change.digest(&api, &body).await?;
    if let Some(done) = replay(&api, &change, &digest).await? {
        return Ok(done);
    }
    let lines = body.split(|byte| *byte == b'\n').enumerate();
    let lines: Vec<_> = lines.filter(|(_, line)| !line.trim_ascii().is_empty()).collect();
    if lines.len() > MAX_LINES {
        let rule = format!("must have at most {MAX_LINES} lines");
        let invalid = schema::Invalid::new("body", &format!("{} lines", lines.len()), rule);
        return Err(ApiError::named(Code::TooLarge, invalid));
    }
    let (mut listed, mut rejected) = (Vec::new(), Vec::new());
    for (at, line) in &lines {
        match read(&api, &change, line).await {
            Ok(entry) => listed.push(entry),
            Err(error) if matches!(error.code, Code::Invalid | Code::Malformed) => {
                rejected.push(json!({ "line": at + 1, "reason": reason(&error) }));
            }
            Err(error) => return Err(error),
        }
    }
    api.ledger.list_addresses(&change.caller.tenant, &listed).await?;
    let mut suppressed = 0;
    for entry in &listed {
        suppressed += suppress(&api, &change, entry).await?;
    }
    let told = Map::from_iter([
        ("lines".to_owned(), json!(lines.len())),
        ("listed".to_owned(), json!(listed.len())),
        ("suppressed".to_owned(), json!(suppressed)),
        ("rejected".to_owned(), Value::Array(rejected)),
    ]);
    done(&api, &change, digest, &told).await
}

async fn read(api: &ApiState, change: &Change, line: &[u8]) -> Result<ListedAddress, ApiError> {
    let SuppressionLine { address, until, .. } = from_json(line)?;
    let until: Option<Timestamp> = instant("until", until.as_deref())?;
    Ok(ListedAddress { tag: tag_of(api, change, &address).await?, until })
}

/// Field and rule, without the value: that may be an address.
fn reason(error: &ApiError) -> String {
    match (&error.field, &error.rule) {
        (Some(field), Some(rule)) => format!("{field}: {rule}"),
        _ => "must be a JSON object with address and, if it ends, until".to_owned(),
    }
}
