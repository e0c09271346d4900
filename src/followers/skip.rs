use schema::events::TenantEvent;
use schema::{Actor, LedgerEvent, Metadata, Position, Sha256, StreamId, TenantId};
use store::{Append, AppendError, CommandRecord, Ledger, Unit};

use crate::FollowersError;
use crate::checkpoint::queries;

/// The tenant that stands for the installation itself.
const SYSTEM: &str = "system";

/// Lets a follower leave out the event it stands still at. The decision is an event of tenant `system`, so a rebuild
/// leaves it out, too, and everyone can see it.
///
/// # Errors
/// [`FollowersError::Unknown`], [`FollowersError::NotPoisoned`], or the database's.
pub async fn skip(
    ledger: &Ledger,
    follower: &str,
    position: Position,
    reason: &str,
    actor: Actor,
) -> Result<(), FollowersError> {
    stands_at(ledger, follower, position).await?;
    record(ledger, follower, position, reason, actor).await?;
    let hash = ledger.event_hash(position).await?;
    let hash = hash.as_ref().map(|hash| hash.as_bytes().as_slice());
    if queries::pass(ledger.pool(), follower, position.0, hash).await? {
        tracing::warn!(
            follower,
            position = position.0,
            "follower {follower} leaves out {position}"
        );
        return Ok(());
    }
    stands_at(ledger, follower, position).await
}

async fn stands_at(
    ledger: &Ledger,
    follower: &str,
    position: Position,
) -> Result<(), FollowersError> {
    let all = queries::status(ledger.pool(), None).await?;
    let Some(row) = all.iter().find(|row| row.name == follower) else {
        let known: Vec<&str> = all.iter().map(|row| row.name.as_str()).collect();
        return Err(FollowersError::Unknown { name: follower.to_owned(), known: known.join(", ") });
    };
    if row.poison_position != Some(position.0) {
        return Err(FollowersError::NotPoisoned {
            name: follower.to_owned(),
            asked: position,
            standing: row.poison_position.map(Position),
        });
    }
    Ok(())
}

async fn record(
    ledger: &Ledger,
    follower: &str,
    position: Position,
    reason: &str,
    actor: Actor,
) -> Result<(), FollowersError> {
    let tenant = TenantId::try_new(SYSTEM).map_err(store::StoreError::from)?;
    let stream = StreamId::tenant(&tenant);
    let said = format!("skip {follower} {position}");
    loop {
        let expected = ledger.load_stream(&stream, 0).await?.last().map_or(0, |last| last.sequence);
        let mut unit = Unit::new(Metadata::new(tenant.clone(), actor.clone()));
        unit.command = Some(CommandRecord {
            id: said.clone(),
            body_sha256: Sha256::of(said.as_bytes()),
            outcome: "{}".to_owned(),
        });
        unit.appends.push(Append {
            stream: stream.clone(),
            expected,
            events: vec![
                TenantEvent::EventSkipped {
                    follower: follower.to_owned(),
                    position,
                    reason: reason.to_owned(),
                }
                .into(),
            ],
        });
        match ledger.append(unit).await {
            // Recorded by an earlier call that did not get to the checkpoint.
            Ok(_) | Err(AppendError::CommandSeen { .. }) => return Ok(()),
            Err(AppendError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The positions a follower was told to leave out.
pub(crate) async fn skipped(
    ledger: &Ledger,
    follower: &str,
) -> Result<Vec<Position>, FollowersError> {
    let tenant = TenantId::try_new(SYSTEM).map_err(store::StoreError::from)?;
    let events = ledger.load_stream(&StreamId::tenant(&tenant), 0).await?;
    let mut positions = Vec::new();
    for event in events {
        if let LedgerEvent::Tenant(TenantEvent::EventSkipped { follower: of, position, .. }) =
            event.event
            && of == follower
        {
            positions.push(position);
        }
    }
    Ok(positions)
}
