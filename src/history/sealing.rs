use serde_json::{Value, json};

/// Whether a value has a sealed value's form.
pub(crate) fn is_sealed(value: &Value) -> bool {
    let has = |name| value.get(name).is_some_and(Value::is_string);
    has("key") && has("box") && has("tag")
}

/// The value with `"sealed"` for whatever is sealed in it, wherever it stands.
pub(crate) fn hidden(mut value: Value) -> Value {
    hide(&mut value);
    value
}

fn hide(value: &mut Value) {
    if is_sealed(value) {
        *value = json!("sealed");
        return;
    }
    match value {
        Value::Object(fields) => fields.values_mut().for_each(hide),
        Value::Array(entries) => entries.iter_mut().for_each(hide),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
