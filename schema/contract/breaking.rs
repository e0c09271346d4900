use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// Rules on a value that readers may rely on.
const RULES: [&str; 7] =
    ["format", "pattern", "const", "minimum", "maximum", "minLength", "maxLength"];

/// What of a published schema the new one breaks: a field that is gone, a value of another type or rule, one that could
/// be absent and now cannot (older events lack it) or the other way round, a choice that is gone. A new optional field
/// and a new choice break nothing.
pub fn breaking(old: &Value, new: &Value) -> Vec<String> {
    let mut broken = Vec::new();
    Comparing { old, new, broken: &mut broken }.compare(old, new, "");
    broken
}

struct Comparing<'c> {
    old: &'c Value,
    new: &'c Value,
    broken: &'c mut Vec<String>,
}

impl Comparing<'_> {
    fn compare(&mut self, old: &Value, new: &Value, at: &str) {
        let (old, new) = (resolved(self.old, old).clone(), resolved(self.new, new).clone());
        if types(&old) != types(&new) {
            self.say(at, &format!("is {} instead of {}", new["type"], old["type"]));
        }
        for rule in RULES {
            if old[rule] != new[rule] {
                self.say(at, &format!("has {rule} {} instead of {}", new[rule], old[rule]));
            }
        }
        self.compare_fields(&old, &new, at);
        self.compare_choices(&old, &new, at);
        for inner in ["items", "additionalProperties"] {
            match (&old[inner], &new[inner]) {
                (Value::Null, Value::Null) => {}
                (one, other) if one.is_object() && other.is_object() => {
                    self.compare(one, other, &format!("{at}/{inner}"));
                }
                (one, other) if one != other => self.say(at, &format!("has other {inner}")),
                _ => {}
            }
        }
    }

    fn compare_fields(&mut self, old: &Value, new: &Value, at: &str) {
        let none = Map::new();
        let (before, after) = (
            old["properties"].as_object().unwrap_or(&none),
            new["properties"].as_object().unwrap_or(&none),
        );
        let (was_required, is_required) = (required(old), required(new));
        for (name, schema) in before {
            let at = format!("{at}/{name}");
            let Some(now) = after.get(name) else {
                self.say(&at, "is gone");
                continue;
            };
            match (was_required.contains(name), is_required.contains(name)) {
                (false, true) => self.say(&at, "was optional and is required"),
                (true, false) => self.say(&at, "was required and is optional"),
                _ => self.compare(schema, now, &at),
            }
        }
        for name in is_required.iter().filter(|name| !before.contains_key(*name)) {
            self.say(&format!("{at}/{name}"), "is new and required");
        }
    }

    fn compare_choices(&mut self, old: &Value, new: &Value, at: &str) {
        let (before, after) = (choices(self.old, old), choices(self.new, new));
        for (name, schema) in before {
            let at = format!("{at}<{name}>");
            match after.get(&name) {
                None => self.say(&at, "is gone"),
                Some(now) => self.compare(&schema, now, &at),
            }
        }
    }

    fn say(&mut self, at: &str, what: &str) {
        self.broken.push(format!("{at} {what}"));
    }
}

fn resolved<'s>(document: &'s Value, schema: &'s Value) -> &'s Value {
    match schema["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/")) {
        Some(name) => &document["$defs"][name],
        None => schema,
    }
}

fn types(schema: &Value) -> BTreeSet<String> {
    match &schema["type"] {
        Value::Array(types) => types.iter().map(Value::to_string).collect(),
        Value::Null => BTreeSet::new(),
        one => BTreeSet::from([one.to_string()]),
    }
}

fn required(schema: &Value) -> BTreeSet<String> {
    let names = schema["required"].as_array().into_iter().flatten();
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The choices of a schema by what tells them apart: their value, the value of their tag, their name or type.
fn choices(document: &Value, schema: &Value) -> BTreeMap<String, Value> {
    let mut choices = BTreeMap::new();
    for value in schema["enum"].as_array().into_iter().flatten() {
        choices.insert(value.to_string(), Value::Null);
    }
    for list in ["oneOf", "anyOf"] {
        for choice in schema[list].as_array().into_iter().flatten() {
            let inner = resolved(document, choice);
            let nested = self::choices(document, inner);
            let tags = inner["properties"].as_object().into_iter().flatten();
            let tag = tags.map(|(_, field)| &field["const"]).find(|value| !value.is_null());
            if !nested.is_empty() {
                choices.extend(nested);
                continue;
            }
            let name = match (&inner["const"], tag) {
                (Value::Null, None) => &inner["type"],
                (Value::Null, Some(tag)) => tag,
                (value, _) => value,
            };
            choices.insert(name.to_string(), choice.clone());
        }
    }
    choices
}
