use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use schema::Position;
use store::{Identity, Ledger, Replaced, StoreError, Tail};
use tokio::sync::watch;
use tokio::time::{interval, sleep};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::held::{Held, behind_mirror, other_log};
use crate::clock;

/// How often the newest checkpoint is written outside of the database.
const EVERY: Duration = Duration::from_secs(5);
/// Between tries to write what a log that was replaced must have held.
const AGAIN: Duration = Duration::from_millis(500);

/// Keeps the newest checkpoint where a restored backup does not reach; and ends all work on a log that was replaced
/// while we ran. The API goes on, and says why.
pub struct Watch {
    pub ledger: Arc<Ledger>,
    pub tail: Arc<Tail>,
    /// Where the checkpoint is kept.
    pub file: PathBuf,
    pub held: Held,
    /// The mirror's last event, once it is found to be none of the log's.
    pub mirror_ahead: watch::Receiver<Option<Position>>,
    /// What ends the work.
    pub work: [CancellationToken; 3],
}

impl Watch {
    pub async fn run(self, stop: CancellationToken) -> Result<()> {
        let Some(known) = stop.run_until_cancelled(self.until_replaced()).await else {
            // All work has ended: what it recorded is known from now on.
            if let Err(problem) = self.write().await {
                not_written(&problem);
            }
            return Ok(());
        };
        self.held.hold(known.said());
        self.work.iter().for_each(CancellationToken::cancel);
        if let Known::Unwritten(known) = known {
            stop.run_until_cancelled(self.remember(known)).await;
        }
        stop.cancelled().await;
        Ok(())
    }

    /// Returns the event that the log does not hold any more.
    async fn until_replaced(&self) -> Known {
        let mut every = interval(EVERY);
        let mut replaced = self.tail.replaced();
        let mut mirror_ahead = self.mirror_ahead.clone();
        loop {
            tokio::select! {
                biased;
                Some(known) = found(&mut replaced) => return Known::Unwritten(known),
                Some(known) = found(&mut mirror_ahead) => return Known::Mirrored(known),
                _ = every.tick() => match self.write().await {
                    Ok(Identity::RestoredBackup { stored, .. }) => {
                        return Known::Written(stored.position);
                    }
                    Ok(Identity::Same | Identity::Unknown) => {}
                    Err(problem) => not_written(&problem),
                },
            }
        }
    }

    async fn write(&self) -> Result<Identity, StoreError> {
        self.ledger.write_identity(&self.file, clock::now()).await
    }

    /// The tail knew later events than the file: whoever starts next must know them, too. The connections ended with
    /// the log that they were to, so this may take more than one try.
    async fn remember(&self, known: Replaced) {
        let Replaced { position, event_hash } = known;
        loop {
            let now = clock::now();
            match self.ledger.store_identity(&self.file, position, event_hash, now).await {
                Ok(()) => return,
                Err(problem) => not_written(&problem),
            }
            sleep(AGAIN).await;
        }
    }
}

/// The event by which a log that was replaced was found out.
enum Known {
    /// The checkpoint file names it.
    Written(Position),
    /// The tail had handed it on; the file names an earlier one.
    Unwritten(Replaced),
    /// The mirror holds it.
    Mirrored(Position),
}

impl Known {
    fn said(&self) -> String {
        match self {
            Self::Written(position) => other_log(*position),
            Self::Unwritten(known) => other_log(known.position),
            Self::Mirrored(position) => behind_mirror(*position),
        }
    }
}

/// Nothing when nobody is left to find something.
async fn found<T: Copy>(heard: &mut watch::Receiver<Option<T>>) -> Option<T> {
    *heard.wait_for(Option::is_some).await.ok()?
}

fn not_written(problem: &StoreError) {
    warn!("the checkpoint outside of the database was not written: {problem}");
}
