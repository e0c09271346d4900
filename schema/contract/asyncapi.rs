use serde_json::{Map, Value, json};

use super::{EventSchema, event_schemas};
use crate::AggregateType;

/// The mirror's topics as an AsyncAPI 3 document. Schemas of events are files beside it.
#[must_use]
pub fn asyncapi() -> Value {
    let schemas = event_schemas();
    let (mut channels, mut operations) = (Map::new(), Map::new());
    let mut messages: Map<String, Value> = schemas.iter().map(message).collect();
    messages.insert("checkpoint".to_owned(), checkpoint());
    for kind in AggregateType::ALL {
        let of_kind = schemas.iter().filter(|schema| schema.kind == kind);
        let told = format!("Every event of every {kind}, in order per {kind}.");
        channels.insert(kind.to_string(), channel(kind.as_str(), &told, of_kind.map(name)));
        operations.insert(format!("mirror_{kind}"), operation(kind.as_str()));
    }
    let told = "How far the mirror is; compacted. Part of each transaction of the mirror.";
    let only = std::iter::once("checkpoint".to_owned());
    channels.insert("checkpoint".to_owned(), channel("checkpoint", told, only));
    operations.insert("mirror_checkpoint".to_owned(), operation("checkpoint"));
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Waybill's mirror on Kafka",
            "version": "1.0.0",
            "description": "The ledger, event by event: each exactly once for consumers that read what was committed \
                            (isolation.level=read_committed), in order per stream. CloudEvents 1.0 in binary mode: \
                            attributes are headers, the key is the stream's id, the value the stored payload. Fields \
                            and events are added; what is there stays as it is, or gets a version of its own. The same \
                            events with the same attributes: GET /v1/events.",
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": { "messages": messages, "schemas": { "headers": headers() } },
    })
}

fn name(schema: &EventSchema) -> String {
    format!("{}.{}.v{}", schema.kind, schema.event, schema.version)
}

fn channel(topic: &str, told: &str, messages: impl Iterator<Item = String>) -> Value {
    let reference =
        |name: String| (name.clone(), json!({ "$ref": format!("#/components/messages/{name}") }));
    let messages: Map<String, Value> = messages.map(reference).collect();
    json!({
        "address": format!("{{name}}.{topic}"),
        "description": told,
        "parameters": { "name": { "default": "waybill", "description": "`mirror.name`" } },
        "messages": messages,
    })
}

/// Seen from Waybill, as AsyncAPI wants it.
fn operation(topic: &str) -> Value {
    json!({ "action": "send", "channel": { "$ref": format!("#/channels/{topic}") } })
}

fn message(schema: &EventSchema) -> (String, Value) {
    let message = json!({
        "name": format!("waybill.{}", name(schema)),
        "title": schema.schema["title"],
        "summary": schema.schema["description"],
        "contentType": "application/json",
        "headers": { "$ref": "#/components/schemas/headers" },
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": { "$ref": schema.file() },
        },
        "bindings": {
            "kafka": { "key": { "type": "string", "description": "The stream's id: `ce_subject`" } },
        },
    });
    (name(schema), message)
}

fn headers() -> Value {
    let text = |told: &str| json!({ "type": "string", "description": told });
    let number =
        |told: &str| json!({ "type": "string", "pattern": "^[0-9]+$", "description": told });
    json!({
        "type": "object",
        "required": [
            "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_time", "content-type",
            "ce_dataschema", "ce_position", "ce_sequence", "ce_tenant", "ce_actor",
        ],
        "properties": {
            "ce_specversion": { "type": "string", "const": "1.0" },
            "ce_id": number("The position: with `ce_source` it makes the event unique"),
            "ce_source": text("The ledger: `urn:uuid:<installation>`"),
            "ce_type": text("`waybill.<kind>.<event>.v<version>`"),
            "ce_subject": text("The stream's id"),
            "ce_time": { "type": "string", "format": "date-time", "description": "When the ledger took it" },
            "content-type": { "type": "string", "const": "application/json" },
            "ce_dataschema": text("The `$id` of the payload's schema"),
            "ce_position": number("Its place in the log: grows, with gaps"),
            "ce_sequence": number("Its place in its stream: from 1, without gaps"),
            "ce_tenant": text("Whose it is"),
            "ce_actor": text("Who caused it, as an opaque id"),
            "ce_causation": text("The event or thing that made it necessary"),
            "ce_command": text("The command it came from"),
            "ce_correlation": text("What it belongs together with"),
            "ce_traceparent": text("W3C Trace Context"),
        },
    })
}

fn checkpoint() -> Value {
    let payload = json!({
        "type": "object",
        "required": ["position", "hash", "ends"],
        "properties": {
            "position": { "type": "integer", "description": "The last event mirrored" },
            "hash": { "type": "string", "pattern": "^[0-9a-f]{64}$", "description": "Its hash" },
            "ends": {
                "type": "object",
                "description": "By topic, for each partition the offset behind the last event written there",
                "additionalProperties": { "type": "array", "items": { "type": "integer" } },
            },
        },
    });
    json!({
        "name": "checkpoint",
        "title": "The mirror's checkpoint",
        "summary": "Under the key `mirror`; other keys are of backfills.",
        "contentType": "application/json",
        "payload": { "schemaFormat": "application/schema+json;version=draft-2020-12", "schema": payload },
        "bindings": { "kafka": { "key": { "type": "string" } } },
    })
}
