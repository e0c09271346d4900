//! The published form of parameters: what a name, an id or a header looks like, said once for all operations.

use serde_json::{Value, json};

/// Names that people choose; see `schema::ids`.
const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$";

/// Completes the schema of one parameter of an operation, where its text has a form of its own.
pub(crate) fn complete(parameter: &mut Value) {
    let word = |key: &str| parameter[key].as_str().unwrap_or_default().to_owned();
    let form = match (word("in").as_str(), word("name").as_str()) {
        ("path", "token" | "name") => return,
        ("path", "delivery" | "distribution") | ("query", "distribution") => {
            json!({ "format": "uuid" })
        }
        ("path", "sha256") => json!({ "pattern": "^[0-9a-f]{64}$" }),
        ("path", _) | ("query", "recipient" | "group" | "report" | "version" | "subscription") => {
            json!({ "pattern": NAME })
        }
        ("header", "Idempotency-Key") => json!({ "pattern": "^[!-~]{1,255}$" }),
        ("header", "If-Match") => {
            json!({ "pattern": r#"^(\*|"[0-9]{1,18}"(, ?"[0-9]{1,18}")*)$"# })
        }
        ("query", "limit") => json!({ "minimum": 1 }),
        ("query", "at_least_position" | "after") if parameter["schema"]["type"] == "integer" => {
            json!({ "minimum": 0 })
        }
        _ => return,
    };
    if let (Some(schema), Value::Object(form)) = (parameter["schema"].as_object_mut(), form) {
        schema.extend(form);
    }
}
