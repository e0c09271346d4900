use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use analytics::Block;
use async_trait::async_trait;
use followers::{Follower, FollowerError, Mark};
use schema::{AggregateType, Position, RecordedEvent, Sha256};
use sqlx::PgConnection;
use store::{Ledger, LogIdentity, LogRow};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::joining::{join_due, path_of};
use crate::manifest::{self, MadeBlock};
use crate::{ExportConfig, ExportError, ExportedFile, Folding, Manifest};

/// Its name as a follower.
pub const EXPORTER: &str = "export";

/// A block that was written, and what the manifest will name with it.
type Made = Result<(MadeBlock, Vec<ExportedFile>), ExportError>;
type Writing = JoinHandle<Made>;

/// Cuts the log into blocks and writes each as Parquet.
pub struct Exporter {
    ledger: Arc<Ledger>,
    manifest: Manifest,
    folder: PathBuf,
    block_events: usize,
    folding: Folding,
    /// Events since the last block.
    block: Block,
    /// Up to where events were taken.
    reached: Position,
    /// Where the last block ends.
    cut: Position,
    /// The block that is being written while the next one is taken in.
    writing: Option<Writing>,
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
            block: Block::default(),
            writing: None,
            reached: Position::START,
            cut: Position::START,
            live: Vec::new(),
            made: Vec::new(),
            told: 0,
        }
    }

    async fn begin(&mut self) -> Result<Mark, ExportError> {
        // Of the tenure before: what it still writes must not come between.
        if let Some(writing) = self.writing.take() {
            drop(writing.await);
        }
        let mark = self.manifest.mark().await?;
        self.live = self.manifest.read(None).await?.files;
        missing(&self.folder, &self.live)?;
        self.folding = Folding::new(&self.ledger);
        self.block = Block::default();
        self.made.clear();
        self.told = 0;
        (self.reached, self.cut) = (mark.position, mark.position);
        Ok(mark)
    }

    async fn take(&mut self, rows: &[&LogRow]) -> Result<(), ExportError> {
        // The transaction of the portion before has committed, or this one would not be here.
        self.made.drain(..self.told);
        self.told = 0;
        if rows.is_empty() || self.writing.as_ref().is_some_and(JoinHandle::is_finished) {
            self.settle().await?;
        }
        let known = rows.iter().take_while(|row| row.position <= self.reached).count();
        let mut rest = &rows[known..];
        while !rest.is_empty() {
            let room = self.block_events.saturating_sub(self.block.events());
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.folding.fold_into(&mut self.block, now).await?;
            if self.block.events() >= self.block_events
                && let Some(last) = now.last()
            {
                self.cut(last).await?;
            }
            rest = later;
        }
        self.reached = rows.last().map_or(self.reached, |row| self.reached.max(row.position));
        Ok(())
    }

    async fn cut(&mut self, last: &LogRow) -> Result<(), ExportError> {
        self.settle().await?;
        let mark = (last.position, LogIdentity::hash(last));
        let block = std::mem::take(&mut self.block);
        let gone = self.manifest.forgotten().await?;
        let (folder, after, live) = (self.folder.clone(), self.cut, self.live.clone());
        let write = move || write(&folder, &block, after, mark, live, gone);
        self.writing = Some(spawn_blocking(write));
        self.cut = mark.0;
        Ok(())
    }

    /// Waits until nothing is being written.
    async fn settle(&mut self) -> Result<(), ExportError> {
        let Some(writing) = &mut self.writing else { return Ok(()) };
        let written = writing.await;
        self.writing = None;
        let (made, live) = written.map_err(|_| ExportError::CalledOff)??;
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
) -> Made {
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

    fn owes(&self) -> bool {
        self.writing.is_some() || self.told < self.made.len()
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
