use std::collections::BTreeSet;

use schema::{AggregateType, Invalid, StreamId, TenantId};
use serde::Serialize;
use serde_json::{Map, Value};
use store::Ledger;

use crate::sealing::{hidden, is_sealed};
use crate::standing::{Change, Course};
use crate::{HistoryError, Moment};

/// A field that stood otherwise at the later moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldChange {
    /// Which, as a path of names: `addresses.work.revision`. The name of the state is the field `state`.
    pub field: String,
    /// What it was; absent when it was not there. A sealed value is `"sealed"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it is then; absent when it is gone. A sealed value is `"sealed"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Whether it was and is sealed: that it changed is known, what it says is not.
    pub is_sealed: bool,
}

/// What changed of something between two moments.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// What kind of thing.
    pub kind: AggregateType,
    /// Which one.
    pub id: String,
    /// The earlier moment.
    pub from: Moment,
    /// The later one.
    pub to: Moment,
    /// The fields that differ, in the order of their names; none when it stood the same.
    pub fields: Vec<FieldChange>,
    /// The events that led from one to the other.
    pub events: Vec<Change>,
}

impl Difference {
    /// What changed of a stream of `tenant`'s. Another tenant's never changes.
    ///
    /// # Errors
    /// As [`crate::Answer::of`]; [`HistoryError::Invalid`] when `from` lies behind `to`.
    pub async fn of(
        ledger: &Ledger,
        tenant: &TenantId,
        stream: &StreamId,
        (from, to): (Moment, Moment),
    ) -> Result<Self, HistoryError> {
        if from.position > to.position {
            let rule = format!("must not lie behind the later moment, position {}", to.position);
            return Err(Invalid::new("from", &from.position.to_string(), rule).into());
        }
        let course = Course::of(ledger, tenant, stream, (from.position, to.position)).await?;
        let mut fields = Vec::new();
        let (before, after) = (named(course.before), named(course.after));
        compare_objects("", &before, &after, &mut fields);
        let (kind, id) = (stream.aggregate_type, stream.local_id().to_owned());
        Ok(Self { kind, id, from, to, fields, events: course.between })
    }
}

/// A state's fields beside its name, so that what two states share is compared field by field.
fn named(state: Value) -> Map<String, Value> {
    let (name, inner) = match state {
        Value::Object(tagged) => tagged.into_iter().next().unwrap_or_default(),
        other => (other.as_str().unwrap_or_default().to_owned(), Value::Null),
    };
    let mut fields = Map::from_iter([("state".to_owned(), Value::String(name))]);
    if let Value::Object(inner) = inner {
        fields.extend(inner);
    }
    fields
}

fn compare_objects(
    path: &str,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    found: &mut Vec<FieldChange>,
) {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        compare(&path, before.get(name), after.get(name), found);
    }
}

fn compare(
    path: &str,
    before: Option<&Value>,
    after: Option<&Value>,
    found: &mut Vec<FieldChange>,
) {
    // A field that holds nothing is as one that is not there.
    let [before, after] = [before, after].map(|value| value.filter(|value| !value.is_null()));
    if before.is_none() && after.is_none() {
        return;
    }
    if let (Some(before), Some(after)) = (before, after) {
        if same(before, after) {
            return;
        }
        if let Some((before, after)) = fields_of(before).zip(fields_of(after)) {
            return compare_objects(path, &before, &after, found);
        }
    }
    found.push(FieldChange {
        field: path.to_owned(),
        before: before.cloned().map(hidden),
        after: after.cloned().map(hidden),
        is_sealed: before.is_some_and(is_sealed) && after.is_some_and(is_sealed),
    });
}

/// Sealed values are the same when key and tag are: the ciphertext differs each time.
fn same(before: &Value, after: &Value) -> bool {
    if is_sealed(before) && is_sealed(after) {
        return before["key"] == after["key"] && before["tag"] == after["tag"];
    }
    before == after
}

/// What can be compared by name: an object, or a list whose entries each have an `id`.
fn fields_of(value: &Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(fields) if !is_sealed(value) => Some(fields.clone()),
        Value::Array(entries) => {
            let by_id =
                |entry: &Value| Some((entry.get("id")?.as_str()?.to_owned(), entry.clone()));
            entries.iter().map(by_id).collect()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{compare_objects, named};

    fn told(before: Value, after: Value) -> Vec<String> {
        let mut found = Vec::new();
        compare_objects("", &named(before), &named(after), &mut found);
        let told =
            |value: Option<Value>| value.map_or_else(|| "none".to_owned(), |v| v.to_string());
        let line = |one: super::FieldChange| {
            format!("{}: {} → {} {}", one.field, told(one.before), told(one.after), one.is_sealed)
        };
        found.into_iter().map(line).collect()
    }

    #[test]
    fn two_states_are_compared_by_what_they_share() {
        let before = json!({ "active": { "version": 1, "body": { "a": [1, 2], "b": 1 } } });
        let after = json!({ "paused": { "version": 2, "body": { "a": [2], "b": 1 }, "until": 7, "c": null } });
        let expected = [
            "body.a: [1,2] → [2] false",
            "state: \"active\" → \"paused\" false",
            "until: none → 7 false",
            "version: 1 → 2 false",
        ];
        assert_eq!(told(before.clone(), after), expected);
        assert_eq!(told(before.clone(), before), [""; 0]);
        let begun = told(json!("unknown"), json!({ "ended": { "version": 3 } }));
        assert_eq!(begun, ["state: \"unknown\" → \"ended\" false", "version: none → 3 false"]);
    }

    #[test]
    fn sealed_values_are_compared_by_key_and_tag_and_never_told() {
        let address = |id: &str, tag: &str, text: &str| -> Value {
            json!({ "id": id, "value": { "key": "k", "box": text, "tag": tag } })
        };
        let active = |addresses: Value| json!({ "active": { "addresses": addresses } });
        let before = active(json!([address("home", "t1", "b1"), address("work", "t2", "b2")]));
        let after = active(json!([address("home", "t1", "b3"), address("work", "t3", "b4")]));
        let changed = ["addresses.work.value: \"sealed\" → \"sealed\" true"];
        assert_eq!(told(before.clone(), after), changed);
        let more = active(json!([address("work", "t2", "b9")]));
        let gone = "addresses.home: {\"id\":\"home\",\"value\":\"sealed\"} → none false";
        assert_eq!(told(before, more), [gone]);
    }
}
