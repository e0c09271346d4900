use csv::{ReaderBuilder, StringRecord, WriterBuilder};
use projections::subscriptions::SubscriptionRow;
use schema::{Invalid, SubscriptionId};
use serde_json::{Map, Value, json};

use super::Form;
use crate::error::ApiError;
use crate::extract::from_json;
use crate::rest::subscriptions::SubscriptionBody;

/// The columns of a file, in the order in which they are written; they are read in any.
const COLUMNS: [&str; 11] = [
    "subscription",
    "recipient",
    "group",
    "report",
    "attributes",
    "channels",
    "formats",
    "deadline_s",
    "at",
    "calendar",
    "quiet_hours",
];
/// Stands between the names in one cell.
const BETWEEN: char = '|';

/// What one line asks for.
pub(super) struct Line {
    pub subscription: SubscriptionId,
    pub body: SubscriptionBody,
}

/// Which column is which.
pub(super) struct Header(Vec<String>);

impl Header {
    /// Reads the first line of a CSV file.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Invalid> {
        let cells = cells(bytes)?;
        let names: Vec<String> = cells.iter().map(|name| name.trim().to_owned()).collect();
        if let Some(name) = names.iter().find(|name| !COLUMNS.contains(&name.as_str())) {
            let rule = format!("must be among {}", COLUMNS.join(", "));
            return Err(Invalid::new("header", name, rule));
        }
        let twice = (1..names.len()).find(|at| names[..*at].contains(&names[*at]));
        if let Some(at) = twice {
            return Err(Invalid::new("header", &names[at], "must be named once"));
        }
        Ok(Self(names))
    }
}

/// Reads one line.
pub(super) fn read(bytes: &[u8], header: Option<&Header>) -> Result<Line, ApiError> {
    let mut fields: Map<String, Value> = match header {
        None => from_json(bytes)?,
        Some(header) => fields(bytes, header)?,
    };
    let named = fields.remove("subscription");
    let named = named.ok_or_else(|| Invalid::new("subscription", "", "is missing"))?;
    let named = named
        .as_str()
        .ok_or_else(|| Invalid::new("subscription", &named.to_string(), "must be a string"))?;
    let subscription = SubscriptionId::try_new(named)?;
    let body = from_json(Value::Object(fields).to_string().as_bytes())?;
    Ok(Line { subscription, body })
}

fn cells(bytes: &[u8]) -> Result<StringRecord, Invalid> {
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let record = reader.records().next().transpose();
    let record = record.map_err(|_| Invalid::new("line", "", "must be UTF-8"))?;
    Ok(record.unwrap_or_default())
}

/// The cells of a line as the fields of a JSON line. An empty cell is a field that is not given.
fn fields(bytes: &[u8], header: &Header) -> Result<Map<String, Value>, ApiError> {
    let cells = cells(bytes)?;
    if cells.len() != header.0.len() {
        let rule = format!("must have {} cells, as the header has", header.0.len());
        return Err(Invalid::new("line", &cells.len().to_string(), rule).into());
    }
    let (mut fields, mut selector) = (Map::new(), Map::new());
    let (mut preferences, mut timing) = (Map::new(), Map::new());
    for (name, cell) in header.0.iter().zip(&cells) {
        if cell.is_empty() {
            continue;
        }
        let names = || json!(cell.split(BETWEEN).map(str::trim).collect::<Vec<_>>());
        match name.as_str() {
            "report" => selector.insert(name.clone(), json!(cell)),
            "attributes" => selector.insert(name.clone(), from_json(cell.as_bytes())?),
            "channels" | "formats" => preferences.insert(name.clone(), names()),
            "deadline_s" => preferences.insert(name.clone(), json!(number(name, cell)?)),
            "at" | "calendar" | "quiet_hours" => timing.insert(name.clone(), json!(cell)),
            _ => fields.insert(name.clone(), json!(cell)),
        };
    }
    if !timing.is_empty() {
        preferences.insert("timing".to_owned(), Value::Object(timing));
    }
    fields.insert("selector".to_owned(), Value::Object(selector));
    fields.insert("preferences".to_owned(), Value::Object(preferences));
    Ok(fields)
}

fn number(field: &str, cell: &str) -> Result<u32, Invalid> {
    cell.parse().map_err(|_| Invalid::new(field, cell, "must be a number"))
}

/// The first line of a file, where it has one.
pub(super) fn header(form: Form) -> String {
    match form {
        Form::Ndjson => String::new(),
        Form::Csv => COLUMNS.join(",") + "\n",
    }
}

/// Writes one line as it can be read again.
pub(super) fn written(form: Form, row: SubscriptionRow) -> Result<String, ApiError> {
    let (selector, preferences) = (row.selector.0, row.preferences.0);
    if form == Form::Ndjson {
        let mut line = json!({ "subscription": row.subscription });
        for (name, value) in [("recipient", row.recipient), ("group", row.group_id)] {
            if let Some(value) = value {
                line[name] = json!(value);
            }
        }
        line["selector"] = json!(selector);
        line["preferences"] = json!(preferences);
        return Ok(line.to_string() + "\n");
    }
    let timing = &preferences.timing;
    let attributes = match selector.attributes.is_empty() {
        true => String::new(),
        false => json!(selector.attributes).to_string(),
    };
    let between = BETWEEN.to_string();
    let channels = preferences.channels.iter().map(ToString::to_string).collect::<Vec<_>>();
    let formats = preferences.formats.iter().map(ToString::to_string).collect::<Vec<_>>();
    let cells = [
        row.subscription,
        row.recipient.unwrap_or_default(),
        row.group_id.unwrap_or_default(),
        selector.report.to_string(),
        attributes,
        channels.join(&between),
        formats.join(&between),
        text(preferences.deadline_s),
        text(timing.at),
        text(timing.calendar.as_ref()),
        text(timing.quiet_hours),
    ];
    let mut writer = WriterBuilder::new().from_writer(Vec::new());
    let unwritable =
        || ApiError::new(crate::error::Code::Internal, "a subscription cannot be written as CSV");
    writer.write_record(&cells).map_err(|_| unwritable())?;
    let bytes = writer.into_inner().map_err(|_| unwritable())?;
    String::from_utf8(bytes).map_err(|_| unwritable())
}

fn text(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
