//! What other systems may rely on: a JSON Schema (2020-12) for each event as it is written now, and the mirror's topics
//! in AsyncAPI 3. Generated from the events, checked in under `kafka/`, and never broken: tests compare.

mod asyncapi;
#[cfg(test)]
mod breaking;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

pub use asyncapi::asyncapi;

use crate::events::{
    ApiKeyEvent, DeliveryEvent, DistributionEvent, EventBody, GroupEvent, RecipientEvent,
    ReportEvent, SubscriptionEvent, TenantEvent, UPCASTERS,
};
use crate::{AggregateType, StoredEvent};

/// The published schema of one version of an event.
#[derive(Clone, Debug, PartialEq)]
pub struct EventSchema {
    /// The kind of its stream.
    pub kind: AggregateType,
    /// Its name.
    pub event: String,
    /// The version it is written with now.
    pub version: u16,
    /// JSON Schema of its payload.
    pub schema: Value,
}

impl EventSchema {
    /// Its file, as seen from the directory of contracts.
    #[must_use]
    pub fn file(&self) -> String {
        format!("events/{}/{}.v{}.json", self.kind, self.event, self.version)
    }
}

/// The schemas of all events, in the order of their kinds and declarations.
#[must_use]
pub fn event_schemas() -> Vec<EventSchema> {
    [
        of::<TenantEvent>(),
        of::<ApiKeyEvent>(),
        of::<ReportEvent>(),
        of::<RecipientEvent>(),
        of::<GroupEvent>(),
        of::<SubscriptionEvent>(),
        of::<DistributionEvent>(),
        of::<DeliveryEvent>(),
    ]
    .concat()
}

fn of<E: EventBody + JsonSchema>() -> Vec<EventSchema> {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let whole = generator.into_root_schema_for::<E>().to_value();
    let variants = whole["oneOf"].as_array().into_iter().flatten();
    let named = variants.filter_map(|variant| {
        let (name, body) = variant["properties"].as_object()?.iter().next()?;
        Some((name.clone(), body.clone(), variant["description"].clone()))
    });
    named
        .map(|(event, body, told)| {
            let kind = E::AGGREGATE_TYPE;
            let version = current_version(kind, &event);
            let schema = document(kind, &event, version, &told, &body, &whole["$defs"]);
            EventSchema { kind, event, version, schema }
        })
        .collect()
}

fn current_version(kind: AggregateType, event: &str) -> u16 {
    let steps = UPCASTERS.iter();
    let steps = steps.filter(|step| step.aggregate_type == kind && step.event_type == event);
    1 + steps.map(|step| step.from).max().unwrap_or(0)
}

fn document(
    kind: AggregateType,
    event: &str,
    version: u16,
    told: &Value,
    body: &Value,
    definitions: &Value,
) -> Value {
    let mut document = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": StoredEvent::schema_name(kind.as_str(), event, &version.to_string()),
        "title": format!("{event} of a {kind}, version {version}"),
        "description": told,
    });
    for (key, value) in body.as_object().into_iter().flatten() {
        document[key] = value.clone();
    }
    let mut used = BTreeSet::new();
    collect(body, definitions, &mut used);
    if !used.is_empty() {
        let used = used.into_iter().map(|name| (name.to_owned(), definitions[name].clone()));
        document["$defs"] = json!(used.collect::<BTreeMap<_, _>>());
    }
    document
}

/// The definitions that a schema leads to.
fn collect<'d>(schema: &'d Value, definitions: &'d Value, used: &mut BTreeSet<&'d str>) {
    match schema {
        Value::Object(fields) => {
            let name = fields.get("$ref").and_then(Value::as_str);
            if let Some(name) = name.and_then(|name| name.strip_prefix("#/$defs/"))
                && used.insert(name)
            {
                collect(&definitions[name], definitions, used);
            }
            fields.values().for_each(|value| collect(value, definitions, used));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, definitions, used)),
        _ => {}
    }
}
