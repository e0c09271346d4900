use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use analytics::Block;
use async_trait::async_trait;
use followers::{Follower, FollowerError, Mark};
use schema::{AggregateType, Position, RecordedEvent, Sha256};
use sqlx::PgConnection;
use store::{Ledger, LogIdentity, LogRow};
use tokio::task::spawn_blocking;

use crate::joining::{join_due, path_of};
use crate::manifest::{self, MadeBlock};
use crate::{ExportConfig, ExportError, ExportedFile, Folding, Manifest};

/// Its name as a follower.
pub const EXPORTER: &str = "export";

/// Cuts the log into blocks and writes each as Parquet.
pub struct Exporter {
    ledger: Arc<Ledger>,
    manifest: Manifest,
    folder: PathBuf,
    block_events: usize,
    folding: Folding,
    /// Events since the last block, in order.
    rows: Vec<LogRow>,
    /// Up to where events were taken.
    reached: Position,
    /// Where the last block ends.
    cut: Position,
    /// What the manifest will name once all that is written is committed.
    live: Vec<ExportedFile>,
    /// Blocks written, and not known to be in the manifest.
    made: Vec<MadeBlock>,
    /// How many of `made` went into the transaction of the last portion.
    told: usize,
}

impl Exporter {
    /// Exports this ledger.
    #[must_use]
    pub fn new(ledger: &Arc<Ledger>, config: &ExportConfig) -> Self {
        Self {
            ledger: Arc::clone(ledger),
            manifest: Manifest::new(ledger.pool().clone()),
            folder: config.folder.clone(),
            block_events: config.block_events as usize,
            folding: Folding::new(ledger),
            rows: Vec::new(),
            reached: Position::START,
            cut: Position::START,
            live: Vec::new(),
            made: Vec::new(),
            told: 0,
        }
    }

    async fn begin(&mut self) -> Result<Mark, ExportError> {
        let mark = self.manifest.mark().await?;
        self.live = self.manifest.read(None).await?.files;
        missing(&self.folder, &self.live)?;
        self.folding = Folding::new(&self.ledger);
        self.rows.clear();
        self.made.clear();
        self.told = 0;
        (self.reached, self.cut) = (mark.position, mark.position);
        Ok(mark)
    }

    async fn take(&mut self, rows: &[&LogRow]) -> Result<(), ExportError> {
        // The transaction of the portion before has committed, or this one would not be here.
        self.made.drain(..self.told);
        self.told = 0;
        let reached = self.reached;
        for row in rows.iter().filter(|row| row.position > reached) {
            self.rows.push((*row).clone());
            if self.rows.len() >= self.block_events {
                self.cut(row).await?;
            }
        }
        self.reached = rows.last().map_or(reached, |row| reached.max(row.position));
        Ok(())
    }

    async fn cut(&mut self, last: &LogRow) -> Result<(), ExportError> {
        let mark = (last.position, LogIdentity::hash(last));
        let block = self.folding.fold(std::mem::take(&mut self.rows)).await?;
        let gone = self.manifest.forgotten().await?;
        let (folder, after, live) = (self.folder.clone(), self.cut, self.live.clone());
        let writing = spawn_blocking(move || write(&folder, &block, after, mark, live, gone));
        let (made, live) = writing.await.map_err(|_| ExportError::CalledOff)??;
        self.cut = mark.0;
        self.live = live;
        self.made.push(made);
        Ok(())
    }
}

/// Writes a block's files, then joins what is due.
fn write(
    folder: &Path,
    block: &Block,
    after: Position,
    mark: (Position, Sha256),
    mut live: Vec<ExportedFile>,
    gone: Vec<String>,
) -> Result<(MadeBlock, Vec<ExportedFile>), ExportError> {
    let (events, mut files) = (block.events() as u64, Vec::new());
    for draft in block.drafts() {
        let (dataset, date, tenant) = (draft.dataset, draft.date.clone(), draft.tenant.clone());
        let path = path_of(dataset, &date, &tenant, after, mark.0);
        let written = draft.write(&folder.join(&path))?;
        let through = mark.0;
        files.push(ExportedFile { path, dataset, date, tenant, after, through, level: 0, written });
    }
    live.extend(files.iter().cloned());
    let (joined, replaced) = join_due(folder, &mut live)?;
    files.extend(joined);
    for path in &gone {
        // Gone already is as good.
        drop(fs::remove_file(folder.join(path)));
    }
    Ok((MadeBlock { after, mark, events, files, replaced, gone }, live))
}

/// Refuses to go on over files that are not as the manifest says.
fn missing(folder: &Path, files: &[ExportedFile]) -> Result<(), ExportError> {
    let is_whole = |file: &&ExportedFile| {
        fs::metadata(folder.join(&file.path)).is_ok_and(|found| found.len() == file.written.bytes)
    };
    let mut lost = files.iter().filter(|file| !is_whole(file));
    match lost.next() {
        None => Ok(()),
        Some(first) => {
            let (count, first) = (lost.count() + 1, first.path.clone());
            Err(ExportError::FilesMissing { count, first })
        }
    }
}

#[async_trait]
impl Follower for Exporter {
    fn name(&self) -> &str {
        EXPORTER
    }

    fn follows(&self) -> &[AggregateType] {
        &AggregateType::ALL
    }

    fn takes_stored(&self) -> bool {
        true
    }

    fn schema(&self) -> &'static str {
        "public"
    }

    async fn resume(&mut self, _: Mark) -> Result<Option<Mark>, FollowerError> {
        Ok(Some(self.begin().await.map_err(FollowerError::again)?))
    }

    async fn carry(&mut self, rows: &[&LogRow]) -> Result<(), FollowerError> {
        self.take(rows).await.map_err(FollowerError::again)
    }

    async fn apply(
        &mut self,
        conn: &mut PgConnection,
        _: &[&RecordedEvent],
    ) -> Result<(), FollowerError> {
        for block in &self.made {
            manifest::add(conn, block).await?;
        }
        self.told = self.made.len();
        Ok(())
    }
}
