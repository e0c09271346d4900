use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Map, Value, json};

use super::apply::Refused;
use super::compare::Compared;
use super::document::{Document, Kind};
use crate::cli::client::Client;

/// Names of one question: GraphQL takes so many fields at the root of a query.
const NAMES: usize = 20;
/// Questions under way at once.
const AT_ONCE: usize = 16;

impl Kind {
    const ALL: [Self; 3] = [Self::Recipient, Self::Group, Self::Report];

    /// As the API calls one.
    const fn word(self) -> &'static str {
        match self {
            Self::Recipient => "recipient",
            Self::Group => "group",
            Self::Report => "report",
        }
    }

    /// How GraphQL asks for one.
    const fn argument(self) -> &'static str {
        match self {
            Self::Recipient | Self::Group => "id",
            Self::Report => "name",
        }
    }
}

/// Whoever is to be subscribed, or change, and names what is not there or was retired.
pub async fn unknown(
    client: &Client,
    document: &Document,
    compared: &Compared,
) -> Result<Vec<Refused>> {
    let entries = || {
        let named = compared.steps.iter().filter_map(|step| Some((step, step.name.as_ref()?)));
        named.filter_map(|(step, name)| Some((step, document.subscriptions.get(name)?)))
    };
    let mut asked: BTreeMap<Kind, BTreeSet<&str>> = BTreeMap::new();
    for (kind, name) in entries().flat_map(|(_, entry)| entry.value.names()) {
        asked.entry(kind).or_default().insert(&name.value);
    }
    let mut there: BTreeMap<Kind, BTreeSet<String>> = BTreeMap::new();
    for kind in Kind::ALL {
        let names = asked.remove(&kind).unwrap_or_default();
        there.insert(kind, known(client, kind, names, compared.head).await?);
    }
    let missing = |kind: &Kind, name: &str| !there.get(kind).is_some_and(|all| all.contains(name));
    let refused = entries().flat_map(|(step, entry)| {
        let names = entry.value.names().filter(|(kind, name)| missing(kind, &name.value));
        names.map(|(kind, name)| Refused {
            subscription: step.subscription.clone(),
            line: Some(name.referenced.line()),
            column: Some(name.referenced.column()),
            detail: format!("there is no {} {}, or it was retired", kind.word(), name.value),
        })
    });
    Ok(refused.collect())
}

/// Those of the names that stand for something.
async fn known(
    client: &Client,
    kind: Kind,
    names: BTreeSet<&str>,
    head: i64,
) -> Result<BTreeSet<String>> {
    if names.is_empty() {
        return Ok(BTreeSet::new());
    }
    let word = kind.word();
    client.get(&format!("/v1/{word}s?limit=1&at_least_position={head}")).await?;
    let names: Vec<&str> = names.into_iter().collect();
    let parts = names.chunks(NAMES).map(async |part| {
        let (query, variables) = question(kind, part);
        let told = client.graphql(&query, variables).await?;
        let is_there = |at: usize| {
            let found = &told[format!("n{at}")];
            !found.is_null() && found["retiredAt"].is_null()
        };
        let found = part.iter().enumerate().filter(|(at, _)| is_there(*at));
        anyhow::Ok(found.map(|(_, name)| (*name).to_owned()).collect::<Vec<_>>())
    });
    let found: Vec<Vec<String>> = stream::iter(parts).buffered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// One question for several names, each a variable: what a document says is never part of a query.
fn question(kind: Kind, names: &[&str]) -> (String, Value) {
    let (word, argument) = (kind.word(), kind.argument());
    let (mut declared, mut fields, mut variables) = (String::new(), String::new(), Map::new());
    for (at, name) in names.iter().enumerate() {
        declared.push_str(&format!("$v{at}: ID! "));
        fields.push_str(&format!("n{at}: {word}({argument}: $v{at}) {{ retiredAt }} "));
        variables.insert(format!("v{at}"), json!(name));
    }
    (format!("query Named({}) {{ {fields}}}", declared.trim_end()), Value::Object(variables))
}
