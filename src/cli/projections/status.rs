use std::sync::Arc;

use anyhow::Result;
use followers::{Checkpoints, FollowerStatus, RebuildStatus, Stage, rebuilds};
use serde_json::{Value, json};
use store::Ledger;

use crate::cli::output::{Output, print_rows};

/// How followers stand, and rebuilds beside them.
pub(super) async fn status(ledger: &Arc<Ledger>, output: Output) -> Result<bool> {
    let all = Checkpoints::new(Arc::clone(ledger)).status().await?;
    let rebuilds = rebuilds(ledger).await?;
    let of = |name: &str| rebuilds.iter().find(|rebuild| rebuild.projection == name);
    let rows = all
        .iter()
        .map(|one| {
            vec![
                one.name.clone(),
                one.position.to_string(),
                one.lag.to_string(),
                format!("{:.0}", one.events_per_second),
                one.node.clone().unwrap_or_default(),
                one.heartbeat_age_ms.map_or_else(String::new, |age| format!("{age} ms")),
                state(one),
                of(&one.name).map(progress).unwrap_or_default(),
            ]
        })
        .collect();
    let raw: Value =
        all.iter().map(|one| with_rebuild(one, of(&one.name))).collect::<Result<_>>()?;
    let header =
        ["follower", "position", "lag", "events/s", "node", "heartbeat", "state", "rebuild"];
    print_rows(output, &header, rows, &raw);
    let failed = rebuilds.iter().any(|rebuild| rebuild.error.is_some());
    Ok(!failed && all.iter().all(|one| one.poison.is_none() && one.trouble.is_none()))
}

/// Every projection, with what is beside its live tables.
pub(super) async fn list(ledger: &Arc<Ledger>, output: Output) -> Result<bool> {
    let all = Checkpoints::new(Arc::clone(ledger)).status().await?;
    let rebuilds = rebuilds(ledger).await?;
    let (mut rows, mut raw) = (Vec::new(), Vec::new());
    for projection in projections::ALL.iter().map(|new| new()) {
        let name = projection.name();
        let live = all.iter().find(|one| one.name == name);
        let rebuild = rebuilds.iter().find(|one| one.projection == name);
        let tables: Vec<&str> = projection.tables().iter().map(|table| table.name).collect();
        let kept = rebuild.and_then(|rebuild| rebuild.kept.as_ref());
        rows.push(vec![
            name.to_owned(),
            tables.join(", "),
            live.map_or_else(String::new, |live| live.position.to_string()),
            live.map_or_else(|| "never ran".to_owned(), state),
            rebuild.map(progress).unwrap_or_default(),
            kept.map_or_else(String::new, |kept| {
                format!("at {} since {}", kept.position, kept.since)
            }),
        ]);
        raw.push(json!({ "name": name, "tables": tables, "live": live, "rebuild": rebuild }));
    }
    let header = ["projection", "tables", "position", "state", "rebuild", "kept"];
    print_rows(output, &header, rows, &Value::Array(raw));
    Ok(true)
}

fn state(one: &FollowerStatus) -> String {
    match (&one.poison, &one.trouble) {
        (Some(at), _) => format!("stands still at {}: {}", at.position, at.error),
        (None, Some(trouble)) => format!("waits: {trouble}"),
        (None, None) if one.is_running => "runs".to_owned(),
        (None, None) => "rests".to_owned(),
    }
}

fn with_rebuild(one: &FollowerStatus, rebuild: Option<&RebuildStatus>) -> Result<Value> {
    let mut raw = serde_json::to_value(one)?;
    raw["rebuild"] = serde_json::to_value(rebuild)?;
    Ok(raw)
}

/// How a rebuild goes, in facts.
fn progress(rebuild: &RebuildStatus) -> String {
    let mut told = rebuild.state();
    if rebuild.stage == Stage::Folding {
        told.push_str(&format!(": {} of about {} events", rebuild.applied, rebuild.expected));
    } else if rebuild.stage == Stage::CatchingUp {
        told.push_str(&format!(": at {} of {}", rebuild.position, rebuild.head));
    }
    if rebuild.is_running {
        told.push_str(&format!(", {:.0}/s", rebuild.events_per_second));
        if let Some(allowed) = rebuild.allowed_rate {
            told.push_str(&format!(" (held to {allowed}/s)"));
        }
        if let Some(eta) = rebuild.eta_s {
            told.push_str(&format!(", {eta:.0} s left"));
        }
        told.push_str(&format!(", heard of {} ms ago", rebuild.heartbeat_age_ms));
    }
    if let Some(error) = &rebuild.error {
        told.push_str(&format!(": {error}"));
    }
    told
}
