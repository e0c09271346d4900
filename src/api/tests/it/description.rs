//! The published description: what is checked in is what the code serves.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use serde_json::Value;

use crate::support::Api;

const CHECKED_IN: &str = "../../schema/openapi/waybill.json";

#[test]
#[expect(clippy::disallowed_methods, reason = "blessing is asked for by the environment")]
fn the_checked_in_description_is_the_codes() {
    let generated = format!("{}\n", serde_json::to_string_pretty(&waybill_api::openapi()).unwrap());
    let path = Path::new(CHECKED_IN);
    if std::env::var_os("WAYBILL_BLESS").is_some() {
        std::fs::write(path, &generated).unwrap();
    }
    let known = std::fs::read_to_string(path).unwrap_or_default();
    let differs = known.lines().zip(generated.lines()).position(|(a, b)| a != b);
    assert!(
        known == generated,
        "schema/openapi/waybill.json differs from line {differs:?}; if meant: WAYBILL_BLESS=1"
    );
}

#[test]
fn operation_ids_are_unique_and_every_operation_says_what_it_does() {
    let document = waybill_api::openapi();
    let mut ids = HashSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} is twice");
            assert!(operation["summary"].is_string(), "{method} {path} has no summary");
            assert!(operation["tags"].is_array(), "{method} {path} has no tag");
        }
    }
    assert!(ids.len() > 35);
}

#[test]
fn every_reference_leads_somewhere_and_every_problem_has_its_form() {
    let document = waybill_api::openapi();
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                let is_page =
                    matches!(path.as_str(), "/u/{token}" | "/p/{token}" | "/t/{token}" | "/readyz");
                if status.as_str() >= "400" && !is_page {
                    let content = &response["content"]["application/problem+json"];
                    assert!(content.is_object(), "{path} {status} has no problem");
                }
            }
        }
    }
}

#[test]
fn nothing_that_is_served_under_one_name_is_two_things() {
    let document = waybill_api::openapi();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut lower = BTreeMap::new();
    for name in schemas.keys() {
        let before = lower.insert(name.to_lowercase(), name.clone());
        assert_eq!(before, None, "{name} differs from another schema by case alone");
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                match value.as_str() {
                    Some(text) if name == "$ref" => references.push(text.to_owned()),
                    _ => collect(value, references),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}

#[tokio::test]
async fn the_description_and_its_browser_are_served_without_a_key_and_without_a_cdn() {
    let api = Api::start().await;
    let open = |path: &'static str| {
        let request = axum::http::Request::get(path).body(axum::body::Body::empty()).unwrap();
        api.send(request)
    };
    assert_eq!(open("/openapi.json").await.ok(200), api.document);
    let page = open("/docs/").await;
    assert_eq!(page.status, 200);
    assert!(!page.text().contains("//cdn") && !page.text().contains("https://"), "{}", page.text());
    assert_eq!(open("/docs/swagger-ui-bundle.js").await.status, 200);
}
