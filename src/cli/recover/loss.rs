use std::sync::Arc;

use aggregates::tenant::{Command, Rules};
use anyhow::Result;
use dispatch::doubt_after_loss;
use futures::{StreamExt, TryStreamExt, stream};
use schema::events::PauseScope;
use schema::{Actor, Position, StreamId, TenantId};
use serde_json::json;
use store::{Ledger, pass_positions};

use super::super::output::{Output, print_done};
use super::super::{keys, queue};
use super::{known, owner};
use crate::boot;
use crate::config::Config;

/// Deliveries looked at in one go, and how many of them at once.
const PORTION: u32 = 1_000;
const AT_ONCE: usize = 64;

/// Goes on without what is lost. Recording the decision comes last: until then `serve` stays held, and the same again
/// goes on.
pub async fn run(
    ledger: &Arc<Ledger>,
    config: &Config,
    reason: String,
    output: Output,
) -> Result<bool> {
    let lost_through = boot::accepted_through(ledger).await?;
    let Some(known) = known(ledger, config).await?.filter(|known| *known > lost_through) else {
        print_done(output, "nothing is known to be lost", &json!({ "accepted": false }));
        return Ok(true);
    };
    // A position never means two events: who has seen a lost one is not told another under its number.
    pass_positions(owner(config)?, known).await?;
    let head = ledger.last_through(known).await?;
    ledger.queue_rebuild(queue::fold(config)).await?;
    let held = hold_open(ledger).await?;
    let paused = pause_unplanned(ledger, &reason).await?;
    accept(ledger, head, known, &reason).await?;
    let sentence = format!(
        "it is on record that events after {head}, up to {known}, are lost. {held} open deliveries may have been sent \
         by then: each is held in doubt until someone says (`waybill deliveries`). {paused} tenants whose plans were \
         not complete are paused until someone resumes them. `serve` goes on: start it anew. A mirror needs another \
         mirror.name: its topics hold events that this log does not"
    );
    let raw = json!({
        "accepted": true, "head": head, "known": known, "held": held, "paused_tenants": paused,
    });
    print_done(output, &sentence, &raw);
    Ok(true)
}

/// Whatever is open may have been sent after the backup.
async fn hold_open(ledger: &Ledger) -> Result<u64> {
    let (mut held, mut after) = (0, None);
    let actor = Actor::new("cli", "operator");
    loop {
        let open = ledger.open_deliveries(after, PORTION).await?;
        let Some(last) = open.last() else { return Ok(held) };
        after = Some(*last);
        let holding = open.into_iter().map(|delivery| doubt_after_loss(ledger, delivery, &actor));
        let put: Vec<bool> = stream::iter(holding).buffer_unordered(AT_ONCE).try_collect().await?;
        held += put.into_iter().filter(|was_open| *was_open).count() as u64;
    }
}

/// What an unfinished plan would schedule now may have been scheduled, and sent, before.
async fn pause_unplanned(ledger: &Ledger, reason: &str) -> Result<u64> {
    let tenants = ledger.unplanned_tenants().await?;
    for tenant in &tenants {
        let reason = format!("events were lost: {reason}");
        let command = Command::PauseDispatch { scope: PauseScope::All, reason };
        decide(ledger, tenant, command).await?;
    }
    Ok(tenants.len() as u64)
}

async fn accept(ledger: &Ledger, head: Position, known: Position, reason: &str) -> Result<()> {
    let system = boot::SYSTEM.parse()?;
    if ledger.load_stream(&StreamId::tenant(&system), 0).await?.is_empty() {
        decide(ledger, &system, Command::Create { title: "Waybill".to_owned() }).await?;
    }
    let command = Command::AcceptLoss { head, known, reason: reason.to_owned() };
    decide(ledger, &system, command).await
}

async fn decide(ledger: &Ledger, tenant: &TenantId, command: Command) -> Result<()> {
    let stream = StreamId::tenant(tenant);
    ledger.execute::<aggregates::Decided<Rules>>(&stream, command, keys::by_hand(tenant)).await?;
    Ok(())
}
