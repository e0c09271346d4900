use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use futures::{StreamExt, stream};
use reqwest::{Method, header};
use serde::Serialize;
use serde_json::{Value, json};

use super::compare::{Compared, Step};
use super::document::Document;
use super::record::Record;
use crate::cli::client::{Client, answer};

/// Requests under way at once.
const AT_ONCE: usize = 32;

/// What came of it.
#[derive(Debug, Default, Serialize)]
pub struct Done {
    /// Steps carried out.
    pub applied: usize,
    /// Steps that were refused; the others hold.
    pub refused: Vec<Refused>,
}

/// A step that was refused.
#[derive(Debug, Serialize)]
pub struct Refused {
    /// Which subscription.
    pub subscription: String,
    /// Where it stands in the document.
    pub line: Option<u64>,
    /// In which column.
    pub column: Option<u64>,
    /// Why.
    pub detail: String,
}

impl Refused {
    /// For a person, with its place in the document.
    pub fn told(&self, file: &Path) -> String {
        let Self { subscription, line, column, detail } = self;
        match (line, column) {
            (Some(line), Some(column)) => {
                format!("{subscription} ({}:{line}:{column}): {detail}", file.display())
            }
            _ => format!("{subscription}: {detail}"),
        }
    }
}

/// What was agreed to: the state in which each step was told.
pub fn agreed(file: &Path) -> Result<BTreeMap<String, i64>> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let plan: Value = serde_json::from_str(&text).with_context(|| file.display().to_string())?;
    let steps =
        plan["steps"].as_array().with_context(|| format!("{}: is no plan", file.display()))?;
    let step = |step: &Value| {
        Some((step["subscription"].as_str()?.to_owned(), step["sequence"].as_i64()?))
    };
    Ok(steps.iter().filter_map(step).collect())
}

/// Carries out all steps, each on the state it was compared in alone.
pub async fn carry_out(
    client: &Client,
    document: &Document,
    compared: Compared,
    agreed: Option<&BTreeMap<String, i64>>,
    record: &mut Record,
) -> Done {
    record.applied.extend(compared.same);
    let steps = compared.steps.into_iter().map(async |step| {
        let done = match agreed.map(|agreed| agreed.get(&step.subscription)) {
            Some(known) if known != Some(&step.sequence) => {
                Err("it changed since the plan: plan again".to_owned())
            }
            _ => one(client, &step).await.map_err(|error| error.to_string()),
        };
        (step, done)
    });
    let mut ended = stream::iter(steps).buffer_unordered(AT_ONCE);
    let mut done = Done::default();
    while let Some((step, told)) = ended.next().await {
        match told {
            Ok(sequence) => {
                done.applied += 1;
                record.applied.insert(step.subscription, sequence);
            }
            Err(detail) => {
                let place = step.name.and_then(|name| document.subscriptions.get(&name));
                let place = place.map(|entry| entry.referenced);
                let (line, column) = (place.map(|at| at.line()), place.map(|at| at.column()));
                let subscription = step.subscription;
                done.refused.push(Refused { subscription, line, column, detail });
            }
        }
    }
    done.refused.sort_by(|a, b| a.subscription.cmp(&b.subscription));
    done
}

async fn one(client: &Client, step: &Step) -> Result<i64> {
    let path = format!("/v1/subscriptions/{}", step.subscription);
    let request = match step.sign {
        '-' => {
            let reason = json!({ "reason": "no longer in its owner's document" });
            client.request(Method::POST, &format!("{path}/unsubscribe")).json(&reason)
        }
        _ => client.request(Method::PUT, &path).json(&step.wanted),
    };
    let request = request.header(header::IF_MATCH, format!("\"{}\"", step.sequence));
    let told = answer(request.send().await).await?;
    told["sequence"].as_i64().context("the API does not say what became of it")
}
