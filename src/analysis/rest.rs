use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use analytics::{Block, Dataset, FileError};
use export::{ExportError, Folding};
use schema::{Position, TenantId};
use store::Ledger;
use tempfile::TempDir;

use crate::AnalysisError;

/// Events read at a time.
const WINDOW: u32 = 20_000;

/// Files of one tenant, gone with the last question that reads them.
#[derive(Clone)]
pub(crate) struct RestFiles {
    _folder: Arc<TempDir>,
    pub tables: BTreeMap<Dataset, Vec<PathBuf>>,
}

/// What the log has beyond the export, folded as the exporter would, and kept for the next question.
pub(crate) struct Rest {
    ledger: Arc<Ledger>,
    /// Where the export ends.
    after: Position,
    reached: Position,
    folding: Folding,
    block: Block,
    written: HashMap<TenantId, RestFiles>,
}

impl Rest {
    pub(crate) fn new(ledger: &Arc<Ledger>) -> Self {
        Self {
            ledger: Arc::clone(ledger),
            after: Position::START,
            reached: Position::START,
            folding: Folding::new(ledger),
            block: Block::default(),
            written: HashMap::new(),
        }
    }

    /// Takes in whatever lies between the export's end and `head`; returns up to where that is.
    pub(crate) async fn follow(
        &mut self,
        after: Position,
        head: Position,
        limit: u64,
    ) -> Result<Position, AnalysisError> {
        if after != self.after {
            *self = Self { after, reached: after, ..Self::new(&self.ledger) };
        }
        while self.reached < head {
            let events = self.block.events() as u64;
            if events > limit {
                self.after = Position(-1);
                return Err(AnalysisError::NotExported { events, limit });
            }
            let rows = self.ledger.read(self.reached, head, WINDOW, None).await?;
            self.written.clear();
            let Some(last) = rows.last() else { break };
            let last = last.position;
            let folded = self.folding.fold_into(&mut self.block, &rows).await;
            if folded.is_err() {
                // Half of it may be in: begin again.
                self.after = Position(-1);
            }
            folded?;
            self.reached = last;
        }
        self.reached = self.reached.max(head);
        Ok(self.reached)
    }

    /// The tenant's part of it, as files; and of every table one without rows, so that each has its columns.
    pub(crate) fn files(&mut self, tenant: &TenantId) -> Result<RestFiles, AnalysisError> {
        if let Some(files) = self.written.get(tenant) {
            return Ok(files.clone());
        }
        let folder = tempfile::tempdir().map_err(|source| {
            let path = std::env::temp_dir();
            ExportError::File(FileError::Disk { path, source })
        })?;
        let mut tables: BTreeMap<Dataset, Vec<PathBuf>> = BTreeMap::new();
        let mut write = |draft: &analytics::Draft<'_>| -> Result<(), ExportError> {
            let path = path_of(folder.path(), draft);
            draft.write(&path)?;
            tables.entry(draft.dataset).or_default().push(path);
            Ok(())
        };
        for dataset in Dataset::ALL {
            write(&analytics::Draft::empty(dataset, tenant.as_str()))?;
        }
        for draft in self.block.drafts().filter(|draft| draft.tenant == tenant.as_str()) {
            write(&draft)?;
        }
        let files = RestFiles { _folder: Arc::new(folder), tables };
        self.written.insert(tenant.clone(), files.clone());
        Ok(files)
    }
}

fn path_of(folder: &Path, draft: &analytics::Draft<'_>) -> PathBuf {
    let (dataset, date, tenant) = (draft.dataset, &draft.date, &draft.tenant);
    folder.join(format!("{dataset}/date={date}/tenant={tenant}/rest.parquet"))
}
