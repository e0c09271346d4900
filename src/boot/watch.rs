use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use schema::Position;
use store::{Identity, Ledger, Replaced, StoreError, Tail};
use tokio::sync::watch;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::held::{Held, other_log};
use crate::clock;

/// How often the newest checkpoint is written outside of the database.
const EVERY: Duration = Duration::from_secs(5);

/// Keeps the newest checkpoint where a restored backup does not reach; and ends all work on a log that was replaced
/// while we ran. The API goes on, and says why.
pub struct Watch {
    pub ledger: Arc<Ledger>,
    pub tail: Arc<Tail>,
    /// Where the checkpoint is kept.
    pub file: PathBuf,
    pub held: Held,
    /// What ends the work.
    pub work: [CancellationToken; 3],
}

impl Watch {
    pub async fn run(self, stop: CancellationToken) -> Result<()> {
        let Some(known) = stop.run_until_cancelled(self.until_replaced()).await else {
            return Ok(());
        };
        self.held.hold(other_log(known));
        self.work.iter().for_each(CancellationToken::cancel);
        stop.cancelled().await;
        Ok(())
    }

    /// Returns the position of the event that the log does not hold any more.
    async fn until_replaced(&self) -> Position {
        let mut every = interval(EVERY);
        let mut replaced = self.tail.replaced();
        loop {
            tokio::select! {
                Some(known) = found(&mut replaced) => {
                    self.remember(known).await;
                    return known.position;
                }
                _ = every.tick() => match self.write().await {
                    Ok(Identity::RestoredBackup { stored, .. }) => return stored.position,
                    Ok(Identity::Same | Identity::Unknown) => {}
                    Err(problem) => not_written(&problem),
                },
            }
        }
    }

    async fn write(&self) -> Result<Identity, StoreError> {
        self.ledger.write_identity(&self.file, clock::now()).await
    }

    /// The tail knew later events than the file: whoever starts next must know them, too.
    async fn remember(&self, known: Replaced) {
        let Replaced { position, event_hash } = known;
        let written =
            self.ledger.store_identity(&self.file, position, event_hash, clock::now()).await;
        if let Err(problem) = written {
            not_written(&problem);
        }
    }
}

/// Nothing when the tail has ended.
async fn found(replaced: &mut watch::Receiver<Option<Replaced>>) -> Option<Replaced> {
    *replaced.wait_for(Option::is_some).await.ok()?
}

fn not_written(problem: &StoreError) {
    warn!("the checkpoint outside of the database was not written: {problem}");
}
