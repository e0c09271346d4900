use std::collections::HashSet;
use std::sync::Mutex;

use aggregates::subscription::{Command, Rules, Subscription};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use futures::future::join_all;
use schema::{Invalid, StreamId};
use serde::Serialize;
use utoipa::ToSchema;

use super::Form;
use super::line::{Header, Line, read};
use super::records::{MAX_RECORD_BYTES, Record, Records};
use crate::carry_out::{Plan, carry_out};
use crate::change::Change;
use crate::error::{ApiError, Code};
use crate::extract::{media_type, unsupported};
use crate::limited;
use crate::outcome::answer;
use crate::state::ApiState;

/// Lines carried out at once.
const AT_ONCE: usize = 32;
/// Bad lines told in one answer.
const MAX_TOLD: usize = 1_000;

/// What became of an import.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Imported {
    /// Lines read, header and empty ones left out.
    lines: u64,
    /// Subscriptions that began, or began again.
    subscribed: u64,
    /// Subscriptions that say something else now.
    changed: u64,
    /// Subscriptions that said so already.
    unchanged: u64,
    /// Lines that were carried out before under the same Idempotency-Key.
    repeated: u64,
    /// Lines that could not be carried out. They stop nothing else.
    bad: u64,
    /// The first 1,000 of them.
    bad_lines: Vec<BadLine>,
}

/// A line that could not be carried out.
#[derive(Debug, Serialize, ToSchema)]
pub struct BadLine {
    /// Which line of the body, from 1.
    line: u64,
    /// The problem's code.
    code: &'static str,
    /// Which field, where it is one's fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// What it said.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// The rule it breaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    /// The whole in a sentence.
    detail: String,
}

/// Subscribe by the line
///
/// Each line is what `PUT /v1/subscriptions/{subscription}` takes, with its `subscription`; in CSV under the header
/// `subscription,recipient,group,report,attributes,channels,formats,deadline_s,at,
/// calendar,quiet_hours`, lists joined by `|`, attributes as
/// JSON. Each is a command of its own: a bad one is told by its number and stops nothing else. Under an Idempotency-Key
/// a line is carried out once, however often the whole is sent.
#[utoipa::path(
    post, path = "/v1/bulk/subscriptions", tag = "subscriptions",
    request_body(content((String = "application/x-ndjson"), (String = "text/csv"))),
    responses((status = 200, description = "Carried out, but for the lines told", body = Imported))
)]
pub async fn import_subscriptions(
    State(api): State<ApiState>,
    change: Change,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<Imported>, ApiError> {
    let form = form_of(&headers)?;
    let mut records = Records::of(request.into_body(), form);
    let header = match form {
        Form::Ndjson => None,
        Form::Csv => Some(header(&mut records).await?),
    };
    let mut import = Import { api: &api, change: &change, told: Imported::default() };
    let mut portion = Vec::new();
    let mut named = HashSet::new();
    while let Some(Record { line, bytes }) = records.next().await? {
        if bytes.as_ref().is_some_and(|bytes| bytes.trim_ascii().is_empty()) {
            continue;
        }
        import.told.lines += 1;
        let parsed = bytes
            .ok_or_else(too_long)
            .and_then(|bytes| Ok((read(&bytes, header.as_ref())?, bytes)));
        match parsed {
            Err(error) => {
                // Bad lines are told in their order.
                import.carry_out(std::mem::take(&mut portion)).await?;
                named.clear();
                import.bad(line, error)?;
            }
            Ok((parsed, bytes)) => {
                // Of two lines about the same subscription the later one holds.
                if portion.len() >= AT_ONCE || named.contains(&parsed.subscription) {
                    import.carry_out(std::mem::take(&mut portion)).await?;
                    named.clear();
                }
                named.insert(parsed.subscription.clone());
                portion.push((line, parsed, bytes));
            }
        }
    }
    import.carry_out(portion).await?;
    Ok(Json(import.told))
}

fn form_of(headers: &HeaderMap) -> Result<Form, ApiError> {
    let media = media_type(headers);
    let forms = [Form::Ndjson, Form::Csv];
    let known = forms.into_iter().find(|form| form.media_type() == media);
    known.ok_or_else(|| unsupported(&media, "must be application/x-ndjson or text/csv"))
}

async fn header(records: &mut Records) -> Result<Header, ApiError> {
    let first = records.next().await?;
    let bytes = first.and_then(|record| record.bytes);
    let bytes = bytes.ok_or_else(|| Invalid::new("header", "", "must be the first line"))?;
    Ok(Header::read(&bytes)?)
}

fn too_long() -> ApiError {
    let rule = format!("must have at most {MAX_RECORD_BYTES} bytes, and close its quotes");
    Invalid::new("line", "", rule).into()
}

/// What a line did.
#[derive(Clone, Copy)]
enum Effect {
    Subscribed,
    Changed,
    Unchanged,
    Repeated,
}

struct Import<'i> {
    api: &'i ApiState,
    change: &'i Change,
    told: Imported,
}

impl Import<'_> {
    async fn carry_out(&mut self, portion: Vec<(u64, Line, Vec<u8>)>) -> Result<(), ApiError> {
        let (api, change) = (self.api, self.change);
        let lines = portion.into_iter().map(async |(line, parsed, bytes)| {
            (line, one(api, &change.part(&line.to_string()), parsed, &bytes).await)
        });
        for (line, done) in join_all(lines).await {
            match done {
                Ok(Effect::Subscribed) => self.told.subscribed += 1,
                Ok(Effect::Changed) => self.told.changed += 1,
                Ok(Effect::Unchanged) => self.told.unchanged += 1,
                Ok(Effect::Repeated) => self.told.repeated += 1,
                Err(error) => self.bad(line, error)?,
            }
        }
        Ok(())
    }

    /// What is the line's fault is told; what is the world's ends the import, which can be sent again.
    fn bad(&mut self, line: u64, error: ApiError) -> Result<(), ApiError> {
        if matches!(error.code, Code::Unavailable | Code::Internal | Code::Overloaded) {
            let detail = format!("line {line}: {}; lines before it hold", error.detail);
            return Err(ApiError { detail, ..error });
        }
        self.told.bad += 1;
        if self.told.bad_lines.len() < MAX_TOLD {
            let code = error.code.as_str();
            let ApiError { field, value, rule, detail, .. } = error;
            self.told.bad_lines.push(BadLine { line, code, field, value, rule, detail });
        }
        Ok(())
    }
}

async fn one(
    api: &ApiState,
    change: &Change,
    line: Line,
    bytes: &[u8],
) -> Result<Effect, ApiError> {
    let Line { subscription, body } = line;
    let tenant = &change.caller.tenant;
    let said = body.checked(api, tenant).await?;
    limited::check(api, &change.caller, &said)?;
    let plan = Plan::of(StreamId::subscription(tenant, &subscription), bytes);
    let effect = Mutex::new(Effect::Unchanged);
    let choose = |state: &Subscription| {
        limited::check_state(api, &change.caller, state)?;
        let (command, does) = match state.body() {
            None => (Command::Subscribe(said.clone()), Effect::Subscribed),
            Some(known) if *known == said => (Command::Change(said.clone()), Effect::Unchanged),
            Some(_) => (Command::Change(said.clone()), Effect::Changed),
        };
        *effect.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = does;
        Ok(command)
    };
    let tell = |_: &Subscription| answer("subscription", subscription.as_str());
    let done = carry_out::<Rules>(api, change, plan, choose, tell).await?;
    if done.replayed {
        return Ok(Effect::Repeated);
    }
    Ok(effect.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
}
