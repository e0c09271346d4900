use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use schema::Position;
use serde_json::json;
use store::{Ledger, Told};
use tokio::sync::mpsc;

use super::super::mirror;
use super::super::output::{Output, print_facts, print_rows};
use super::{has_mirror, outside};
use crate::config::Config;

/// Events of one name.
#[derive(Clone, Copy)]
struct Some {
    count: u64,
    first: Position,
    last: Position,
}

/// By the name of the event.
type Lacking = BTreeMap<String, Some>;

/// Says what is lacking; true when nothing is.
pub async fn run(ledger: &Arc<Ledger>, config: &Config, output: Output) -> Result<bool> {
    let head = ledger.head().await?;
    let outside = outside(ledger, config).await?;
    let mut facts = vec![("ledger's head", head.to_string())];
    facts.push(match &outside {
        None => ("known outside", "nothing that it does not hold".to_owned()),
        Some(stored) => {
            ("known outside", format!("event {}, as of {}", stored.position, stored.written_at))
        }
    });
    let (mut lacking, mut through, mut problem) = (Lacking::new(), None, None);
    if has_mirror(config) {
        match read(ledger, config).await {
            Ok((found, reached)) => {
                facts.push(("mirrored up to", reached.to_string()));
                (lacking, through) = (found, Some(reached));
            }
            Err(error) => {
                let said = error.to_string();
                facts.push(("mirror", said.clone()));
                problem = Some(said);
            }
        }
    } else {
        facts.push(("mirror", "none: kafka.brokers is not set".to_owned()));
    }
    let count: u64 = lacking.values().map(|some| some.count).sum();
    facts.push(("to be brought back", format!("{count} events")));
    let returns = through.unwrap_or(head).max(head);
    let lost = outside.as_ref().map(|stored| stored.position).filter(|known| *known > returns);
    if let Some(known) = lost {
        facts.push(("lost for good", format!("events after {returns}, up to {known}")));
    }
    let rows: Vec<_> = lacking
        .iter()
        .map(|(name, some)| json!({ "event": name, "count": some.count, "first": some.first, "last": some.last }))
        .collect();
    let raw = json!({
        "head": head, "outside": outside, "mirrored_through": through, "problem": problem,
        "lacking": rows, "lost_through": lost,
    });
    print_facts(output, &facts, &raw);
    if output == Output::Table && !lacking.is_empty() {
        let cells = lacking.iter().map(|(name, some)| {
            let Some { count, first, last } = some;
            vec![name.clone(), count.to_string(), first.to_string(), last.to_string()]
        });
        print_rows(output, &["event", "count", "first", "last"], cells.collect(), &raw);
    }
    Ok(count == 0 && outside.is_none() && problem.is_none())
}

/// Counts what the mirror holds beyond the log.
async fn read(ledger: &Arc<Ledger>, config: &Config) -> Result<(Lacking, Position)> {
    let identity = ledger.identity().await?;
    let view = mirror::view(ledger, config)?;
    let (sender, mut receiver) = mpsc::channel::<Vec<Told>>(4);
    let counting = async {
        let mut lacking = Lacking::new();
        while let Some(portion) = receiver.recv().await {
            for (event, _) in portion {
                let name = format!("{}.{}", event.aggregate_type, event.event_type);
                let at = event.position;
                let some = lacking.entry(name).or_insert(Some { count: 0, first: at, last: at });
                some.count += 1;
                some.first = some.first.min(at);
                some.last = some.last.max(at);
            }
        }
        lacking
    };
    let reading = view.beyond(identity.position, identity.event_hash, sender);
    let (beyond, lacking) = tokio::join!(reading, counting);
    Ok((lacking, beyond?.through))
}
