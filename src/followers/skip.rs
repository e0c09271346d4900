use schema::events::TenantEvent;
use schema::{LedgerEvent, Position, StreamId, TenantId};
use store::Ledger;

use crate::FollowersError;
use crate::checkpoint::queries;

/// The tenant that stands for the installation itself.
const SYSTEM: &str = "system";

/// Lets a follower leave out the event it stands still at, once `record` has made the decision an event of tenant
/// `system`: so a rebuild leaves it out, too, and everyone can see it. What may be decided is not this crate's to say.
///
/// # Errors
/// [`FollowersError::Unknown`], [`FollowersError::NotPoisoned`], [`FollowersError::NothingToSkip`], the database's, or
/// `record`'s.
pub async fn skip<E: From<FollowersError>>(
    ledger: &Ledger,
    follower: &str,
    position: Position,
    record: impl Future<Output = Result<(), E>>,
) -> Result<(), E> {
    stands_at(ledger, follower, position).await?;
    record.await?;
    Ok(pass(ledger, follower, position).await?)
}

async fn pass(ledger: &Ledger, follower: &str, position: Position) -> Result<(), FollowersError> {
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
    let name = follower.to_owned();
    let Some(row) = all.iter().find(|row| row.name == follower) else {
        let known: Vec<&str> = all.iter().map(|row| row.name.as_str()).collect();
        return Err(FollowersError::Unknown { name, known: known.join(", ") });
    };
    if row.is_other_log() {
        return Err(FollowersError::NothingToSkip { name });
    }
    if row.poison_position != Some(position.0) {
        let standing = row.poison_position.map(Position);
        return Err(FollowersError::NotPoisoned { name, asked: position, standing });
    }
    Ok(())
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
