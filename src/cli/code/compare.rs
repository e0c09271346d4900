use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Value, json};

use super::apply::Refused;
use super::document::Document;
use super::record::Record;
use crate::cli::client::Client;

/// The document beside what holds.
#[derive(Debug, Serialize)]
pub struct Compared {
    /// Whose.
    pub owner: String,
    /// What is to be done, in the order of names.
    pub steps: Vec<Step>,
    /// What was changed elsewhere since the last apply.
    pub drift: Vec<Drift>,
    /// Steps that name something which is not there; `plan` looks, `apply` is told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
    /// How far the log was.
    #[serde(skip)]
    pub head: i64,
    /// How many are as the document says.
    pub unchanged: usize,
    /// The sequence of each of those.
    #[serde(skip)]
    pub same: BTreeMap<String, i64>,
}

/// One thing to do.
#[derive(Debug, Serialize)]
pub struct Step {
    /// `+` begins, `~` changes, `-` ends.
    pub sign: char,
    /// Which.
    pub subscription: String,
    /// Its name in the document, where it stands there.
    #[serde(skip)]
    pub name: Option<String>,
    /// The state it was compared in; 0 when there is none.
    pub sequence: i64,
    /// What differs.
    pub fields: Vec<Field>,
    /// What is to hold.
    #[serde(skip)]
    pub wanted: Value,
}

/// A field that differs.
#[derive(Debug, Serialize)]
pub struct Field {
    /// Which.
    pub field: String,
    /// What holds.
    pub before: Value,
    /// What is to hold.
    pub after: Value,
}

/// A subscription that is not as the last apply left it.
#[derive(Debug, Serialize)]
pub struct Drift {
    /// Which.
    pub subscription: String,
    /// The sequence the last apply left.
    pub applied: i64,
    /// The one it has.
    pub sequence: i64,
    /// Whether it holds: `active`, `paused` or `ended`.
    pub state: String,
}

impl Compared {
    /// Compares a document with what holds now.
    pub async fn of(client: &Client, document: &Document, record: &Record) -> Result<Self> {
        let (standing, head) = standing(client, &document.owner).await?;
        let owner = document.owner.clone();
        let (steps, drift, same) = (Vec::new(), drifted(&standing, record), BTreeMap::new());
        let refused = Vec::new();
        let mut compared = Self { owner, steps, drift, refused, head, unchanged: 0, same };
        for (name, entry) in &document.subscriptions {
            let id = document.id(name);
            let known = standing.get(&id);
            let sequence = known.map_or(0, sequence);
            let held = known.filter(|row| row["state"] != "ended");
            let wanted = entry.value.wanted(held);
            let fields = differences(held, &wanted);
            let sign = if held.is_none() { '+' } else { '~' };
            if held.is_some() && fields.is_empty() {
                compared.unchanged += 1;
                compared.same.insert(id, sequence);
                continue;
            }
            let fields = if held.is_none() { vec![] } else { fields };
            let name = Some(name.clone());
            compared.steps.push(Step { sign, subscription: id, name, sequence, fields, wanted });
        }
        let prefix = format!("{}.", document.owner);
        for (id, row) in &standing {
            let name = id.strip_prefix(&prefix).unwrap_or(id);
            if row["state"] != "ended" && !document.subscriptions.contains_key(name) {
                let (subscription, sequence) = (id.clone(), sequence(row));
                let (name, fields, wanted) = (None, vec![], Value::Null);
                let sign = '-';
                compared.steps.push(Step { sign, subscription, name, sequence, fields, wanted });
            }
        }
        compared.steps.sort_by(|a, b| a.subscription.cmp(&b.subscription));
        Ok(compared)
    }
}

fn sequence(row: &Value) -> i64 {
    row["sequence"].as_i64().unwrap_or_default()
}

/// The owner's subscriptions, ended ones included, as they stand once all that is written can be read; and how far that
/// is.
async fn standing(client: &Client, owner: &str) -> Result<(BTreeMap<String, Value>, i64)> {
    let head = client.graphql("{ logStatus { head } }", json!({})).await?;
    let head =
        head["logStatus"]["head"].as_i64().context("the API does not say how far its log is")?;
    let prefix = format!("{owner}.");
    let (mut found, mut after) = (BTreeMap::new(), String::new());
    loop {
        let path = format!("/v1/subscriptions?limit=200&at_least_position={head}{after}");
        let page = client.get(&path).await?;
        for row in page["rows"].as_array().into_iter().flatten() {
            let id = row["subscription"].as_str().unwrap_or_default();
            if id.starts_with(&prefix) {
                found.insert(id.to_owned(), row.clone());
            }
        }
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return Ok((found, head)),
        }
    }
}

fn drifted(standing: &BTreeMap<String, Value>, record: &Record) -> Vec<Drift> {
    let of = |(id, row): (&String, &Value)| {
        let (applied, sequence) = (*record.applied.get(id)?, sequence(row));
        let state = row["state"].as_str().unwrap_or_default().to_owned();
        let subscription = id.clone();
        (applied != sequence).then_some(Drift { subscription, applied, sequence, state })
    };
    standing.iter().filter_map(of).collect()
}

/// The fields in which what is to hold differs from what holds.
fn differences(held: Option<&Value>, wanted: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    let nothing = Value::Null;
    let held = held.unwrap_or(&nothing);
    let mut compare = |field: String, before: &Value, after: &Value| {
        if before != after {
            found.push(Field { field, before: before.clone(), after: after.clone() });
        }
    };
    for name in ["recipient", "group"] {
        compare(name.to_owned(), &held[name], &wanted[name]);
    }
    for part in ["selector", "preferences"] {
        for (name, after) in wanted[part].as_object().into_iter().flatten() {
            compare(format!("{part}.{name}"), &held[part][name.as_str()], after);
        }
        for (name, before) in held[part].as_object().into_iter().flatten() {
            if wanted[part].get(name).is_none() {
                compare(format!("{part}.{name}"), before, &Value::Null);
            }
        }
    }
    found
}
