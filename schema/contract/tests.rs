#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what it expected")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::breaking::breaking;
use super::{EventSchema, asyncapi, event_schemas};
use crate::{Position, StoredEvent, Timestamp};

/// Where contracts are checked in.
const DIRECTORY: &str = "kafka";

#[expect(clippy::disallowed_methods, reason = "blessing is asked for by the environment")]
fn is_blessed() -> bool {
    std::env::var_os("WAYBILL_BLESS").is_some_and(|bless| bless == "1")
}

fn text(document: &Value) -> String {
    format!("{document:#}\n")
}

fn read(path: &Path) -> Option<Value> {
    let text = fs::read_to_string(path).ok()?;
    Some(serde_json::from_str(&text).unwrap())
}

/// Writes what is new; says what differs from what is checked in.
fn settle(path: &Path, generated: &Value) -> Option<String> {
    if is_blessed() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text(generated)).unwrap();
    }
    let known = fs::read_to_string(path).unwrap_or_default();
    (known != text(generated)).then(|| format!("{} differs", path.display()))
}

#[test]
fn the_published_schemas_are_the_events_and_no_version_is_ever_broken() {
    let mut broken = Vec::new();
    let mut current = BTreeMap::new();
    for schema in event_schemas() {
        let path = Path::new(DIRECTORY).join(schema.file());
        let published = read(&path).map(|known| breaking(&known, &schema.schema));
        let found = published.unwrap_or_default();
        broken.extend(found.iter().map(|what| format!("{}: {what}", path.display())));
        current.insert((schema.kind.to_string(), schema.event), (path, schema.schema));
    }
    for path in published() {
        let kind = path.parent().and_then(Path::file_name).unwrap().to_str().unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().split('.').next().unwrap();
        if !current.contains_key(&(kind.to_owned(), name.to_owned())) {
            broken.push(format!("{}: the event is gone", path.display()));
        }
    }
    assert_eq!(broken, Vec::<String>::new(), "give the event a new version and an upcaster");
    let differs = current.values().filter_map(|(path, schema)| settle(path, schema));
    let differs: Vec<_> = differs.collect();
    assert_eq!(differs, Vec::<String>::new(), "if meant: WAYBILL_BLESS=1");
}

fn published() -> Vec<PathBuf> {
    let kinds = fs::read_dir(Path::new(DIRECTORY).join("events")).into_iter().flatten();
    let files = kinds.flat_map(|kind| fs::read_dir(kind.unwrap().path()).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

#[test]
fn the_published_topics_are_the_mirrors() {
    let document = asyncapi();
    let differs = settle(&Path::new(DIRECTORY).join("asyncapi.json"), &document);
    assert_eq!(differs, None, "if meant: WAYBILL_BLESS=1");
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 80, "{}", references.len());
    let files: BTreeSet<_> = event_schemas().iter().map(EventSchema::file).collect();
    for reference in references {
        match reference.strip_prefix('#') {
            Some(pointer) => assert!(document.pointer(pointer).is_some(), "{reference}"),
            None => assert!(files.contains(&reference), "{reference}"),
        }
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            references.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| collect(value, references));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}

/// Samples of one event, in all its golden files.
fn all_sets(kind: impl Display, event: impl Display, version: impl Display) -> String {
    let (first, later) = (format!("{event}.v{version}.json"), format!("{event}.v{version}."));
    let files = fs::read_dir(format!("golden/{kind}")).unwrap().map(|file| file.unwrap());
    let of_event = files.filter(|file| {
        let name = file.file_name().into_string().unwrap();
        name == first || name.starts_with(&later)
    });
    of_event.map(|file| fs::read_to_string(file.path()).unwrap()).collect()
}

#[test]
fn every_stored_sample_is_as_its_schema_says() {
    let mut checked = BTreeSet::new();
    for schema in event_schemas() {
        let validator = jsonschema::draft202012::options()
            .should_validate_formats(true)
            .build(&schema.schema)
            .unwrap();
        let golden = format!("golden/{}/{}.v{}", schema.kind, schema.event, schema.version);
        for line in all_sets(schema.kind, &schema.event, schema.version).lines() {
            let payload: Value = serde_json::from_str(line).unwrap();
            let wrong: Vec<_> =
                validator.iter_errors(&payload).map(|error| error.to_string()).collect();
            assert_eq!(wrong, Vec::<String>::new(), "{golden}: {payload}");
            for name in schema.schema["required"].as_array().into_iter().flatten() {
                let mut less = payload.clone();
                less.as_object_mut().unwrap().remove(name.as_str().unwrap());
                assert!(!validator.is_valid(&less), "{golden} without {name}");
            }
        }
        checked.insert(golden);
    }
    assert_eq!(checked.len(), 53);
}

#[test]
fn the_headers_are_those_that_are_written() {
    let stored = StoredEvent {
        position: Position(7),
        recorded_at: Timestamp::from_unix_micros(1_795_392_000_000_000),
        aggregate_type: "tenant",
        aggregate_id: "acme",
        sequence: 1,
        event_type: "TenantCreated",
        event_version: "1",
        metadata: r#"{"actor":"cli:x","causation":"5","command":"c","correlation":"d","tenant":"acme",
                      "traceparent":"t"}"#,
    };
    let told: BTreeMap<String, String> = stored
        .attributes("urn:uuid:x")
        .unwrap()
        .into_iter()
        .map(|(name, value)| match name.as_str() {
            "datacontenttype" => ("content-type".to_owned(), value),
            name => (format!("ce_{name}"), value),
        })
        .collect();
    let headers = &asyncapi()["components"]["schemas"]["headers"];
    let validator = jsonschema::draft202012::new(headers).unwrap();
    assert!(validator.is_valid(&json!(told)));
    let described: BTreeSet<_> = headers["properties"].as_object().unwrap().keys().collect();
    assert_eq!(described, told.keys().collect());
    let schema = event_schemas().into_iter().next().unwrap();
    assert_eq!(schema.schema["$id"], told["ce_dataschema"]);
}

/// A published schema with one change at a pointer.
fn changed(pointer: &str, change: impl FnOnce(&mut Value)) -> (Value, Value) {
    let mut all = event_schemas().into_iter();
    let old = all.find(|schema| schema.event == "AttemptEnded").unwrap().schema;
    let mut new = old.clone();
    change(new.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}: {old:#}")));
    (old, new)
}

fn said(pointer: &str, change: impl FnOnce(&mut Value)) -> String {
    let (old, new) = changed(pointer, change);
    breaking(&old, &new).join("; ")
}

type Change = fn(&mut Value);

fn without(list: &mut Value, name: &str) {
    list.as_array_mut().unwrap().retain(|one| one != name);
}

#[test]
fn each_way_of_breaking_a_schema_is_found() {
    let cases: [(&str, Change, &str); 11] = [
        (
            "",
            |all| all["properties"] = json!({ "outcome": all["properties"]["outcome"] }),
            "/attempt is gone",
        ),
        (
            "/properties/attempt",
            |one| one["type"] = json!("string"),
            "/attempt is \"string\" instead of \"integer\"",
        ),
        (
            "/properties/attempt",
            |one| one["minimum"] = json!(1),
            "/attempt has minimum 1 instead of 0",
        ),
        (
            "/required",
            |names| names.as_array_mut().unwrap().push(json!("elapsed_us")),
            "/elapsed_us was optional and is required",
        ),
        ("/required", |names| without(names, "attempt"), "/attempt was required and is optional"),
        (
            "",
            |all| {
                all["properties"]["new"] = json!({ "type": "string" });
                all["required"].as_array_mut().unwrap().push(json!("new"));
            },
            "/new is new and required",
        ),
        (
            "/$defs/Proof/oneOf",
            |choices| drop(choices.as_array_mut().unwrap().remove(0)),
            "/outcome<\"succeeded\">/receipt/proof<\"delivered\"> is gone",
        ),
        (
            "/$defs/AttemptOutcome/oneOf",
            |choices| drop(choices.as_array_mut().unwrap().remove(2)),
            "/outcome<\"in_doubt\"> is gone",
        ),
        (
            "/$defs/AttemptOutcome/oneOf/2/properties",
            |fields| drop(fields.as_object_mut().unwrap().remove("code")),
            "/outcome<\"in_doubt\">/code is gone",
        ),
        (
            "/$defs/Timestamp",
            |one| one["format"] = json!("date"),
            "/sent_at<\"string\"> has format \"date\" instead of \"date-time\"",
        ),
        (
            "/$defs/Sha256/pattern",
            |pattern| *pattern = json!("^.*$"),
            "has pattern \"^.*$\" instead of \"^[0-9a-f]{64}$\"",
        ),
    ];
    for (pointer, change, expected) in cases {
        let said = said(pointer, change);
        assert!(said.contains(expected), "{pointer}: {said:?} instead of {expected:?}");
    }
}

#[test]
fn what_is_added_breaks_nothing() {
    let cases: [(&str, Change); 4] = [
        ("/properties", |fields| fields["new"] = json!({ "type": "string" })),
        ("/properties/attempt", |one| one["description"] = json!("other words")),
        ("/$defs/Proof/oneOf", |choices| {
            choices.as_array_mut().unwrap().push(json!({ "type": "string", "const": "read" }));
        }),
        ("", |all| {
            // Another name in the program.
            let text = all.to_string().replace("Timestamp", "Instant");
            *all = serde_json::from_str(&text).unwrap();
        }),
    ];
    for (pointer, change) in cases {
        assert_eq!(said(pointer, change), "", "{pointer}");
    }
}
