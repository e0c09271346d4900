use async_graphql::Context;
use schema::LedgerEvent;
use schema::events::Scope;
use serde_json::{Value, json};

use crate::graphql::fault::Fault;
use crate::graphql::loaders::Opened;
use crate::graphql::nodes::Personal;
use crate::graphql::scalars::Json;
use crate::graphql::session::Session;

/// The event's stored body with what is sealed in it replaced: by null, or for `audit` by what `reply` opens to.
pub(super) async fn of(
    ctx: &Context<'_>,
    event: &LedgerEvent,
    reply: Option<&Personal>,
) -> Result<Json, Fault> {
    let unreadable = |_| Fault::internal("an event cannot be written as JSON");
    let text = event.encode().map_err(|_| Fault::internal("an event cannot be encoded"))?;
    let mut body: Value = serde_json::from_str(&text).map_err(unreadable)?;
    let session = Session::of(ctx)?;
    let clear = match reply.filter(|_| session.caller().may(Scope::Audit)) {
        None => Value::Null,
        Some(Personal(key)) => match session.rows().load_one(key.clone()).await? {
            Some(Opened::Clear(text)) => Value::String(text),
            Some(Opened::Erased) => json!({ "erased": true }),
            None => Value::Null,
        },
    };
    replace_sealed(&mut body, &clear);
    Ok(Json(body))
}

/// Whatever has a sealed value's form gives way, wherever it stands: nothing sealed leaves by this door.
fn replace_sealed(value: &mut Value, clear: &Value) {
    if is_sealed(value) {
        *value = clear.clone();
        return;
    }
    match value {
        Value::Object(fields) => fields.values_mut().for_each(|field| replace_sealed(field, clear)),
        Value::Array(entries) => entries.iter_mut().for_each(|entry| replace_sealed(entry, clear)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_sealed(value: &Value) -> bool {
    let has = |name| value.get(name).is_some_and(Value::is_string);
    has("key") && has("box") && has("tag")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::replace_sealed;

    #[test]
    fn a_sealed_value_gives_way_wherever_it_stands() {
        let sealed = json!({ "key": "k", "box": "b", "tag": "t" });
        let mut body = json!({ "outcome": { "fault": { "code": "http.500", "reply": sealed } } });
        replace_sealed(&mut body, &json!("550 no such user"));
        let expected =
            json!({ "outcome": { "fault": { "code": "http.500", "reply": "550 no such user" } } });
        assert_eq!(body, expected);
    }
}
