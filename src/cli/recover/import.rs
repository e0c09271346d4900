use std::sync::Arc;

use anyhow::{Result, ensure};
use indicatif::ProgressBar;
use schema::Position;
use serde_json::json;
use store::{Ledger, ReturnError, Returning, Told, Vault};
use tokio::sync::mpsc;

use super::super::output::{Output, print_done};
use super::super::{mirror, queue};
use super::{addresses, outside, owner};
use crate::boot;
use crate::config::Config;

/// Brings back what the mirror holds and the log lacks, and makes what is derived from it equal to it again.
pub async fn run(ledger: &Arc<Ledger>, config: &Config, output: Output) -> Result<bool> {
    let bar = mirror::bar(output);
    let brought = bring_back(ledger, config, &bar).await;
    bar.finish_and_clear();
    let (count, through) = brought?;
    // As often as asked: were it broken off here, the same again would go on.
    let mended = ledger.queue_rebuild(queue::fold(config)).await?.differences.len();
    let vault = Vault::connect(boot::vault_config(config)).await?;
    let addresses = addresses::rebuild(ledger, &vault).await?;
    let lost = outside(ledger, config).await?.map(|stored| stored.position);
    let mut sentence = format!(
        "{count} events are back, the log goes on to {through}; {mended} rows of the queue and {} addresses were made \
         to follow",
        addresses.put + addresses.removed
    );
    if addresses.unreadable > 0 {
        let unreadable = addresses.unreadable;
        sentence += &format!(
            ". {unreadable} addresses cannot be read (erased, or the vault is older): they are not found by their value"
        );
    }
    sentence += &match lost {
        None => ". `serve` goes on: start it anew".to_owned(),
        Some(known) => format!(
            ". Events up to {known} were known, which the mirror does not hold: they are lost. To go on without them: \
             `waybill recover accept-loss --reason …`"
        ),
    };
    let raw = json!({
        "imported": count, "through": through, "queue_rows": mended,
        "addresses": addresses.put + addresses.removed, "unreadable_addresses": addresses.unreadable,
        "lost_through": lost,
    });
    print_done(output, &sentence, &raw);
    Ok(lost.is_none())
}

async fn bring_back(
    ledger: &Arc<Ledger>,
    config: &Config,
    bar: &ProgressBar,
) -> Result<(u64, Position)> {
    let head = ledger.identity().await?;
    let view = mirror::view(ledger, config)?;
    let returning = Returning::begin(owner(config)?, head.position).await?;
    let (sender, receiver) = mpsc::channel(4);
    let reading = view.beyond(head.position, head.event_hash, sender);
    let (beyond, taken) = tokio::join!(reading, take(returning, receiver, bar));
    // Had taking failed, reading was only called off.
    let returning = taken?;
    let beyond = beyond?;
    let Some(last) = beyond.last else { return Ok((0, head.position)) };
    let (position, hash) = (beyond.through, beyond.hash);
    ensure!(
        last == (position, hash),
        "the mirror's checkpoint names event {position}, and the last one on its topics is {}, or another one: nothing \
         was brought back; see `waybill mirror status`",
        last.0
    );
    bar.set_message("writing");
    Ok((returning.finish(position).await?, position))
}

async fn take(
    mut returning: Returning,
    mut portions: mpsc::Receiver<Vec<Told>>,
    bar: &ProgressBar,
) -> Result<Returning, ReturnError> {
    let mut count = 0;
    while let Some(portion) = portions.recv().await {
        returning.take(&portion).await?;
        count += portion.len();
        bar.set_message(format!("{count} events read"));
    }
    Ok(returning)
}
