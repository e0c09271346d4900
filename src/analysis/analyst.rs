use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use analytics::{ColumnOf, Dataset, Question, Reply, Request, Target};
use export::{ExportConfig, ExportError, Manifest};
use schema::{Position, TenantId};
use serde::Serialize;
use serde_json::Value;
use store::Ledger;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::spawn_blocking;

use crate::program::Program;
use crate::rest::{Rest, RestFiles};
use crate::{AnalysisError, AnalyticsConfig};

/// What DuckDB says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// Up to which position of the log it is true.
    pub position: Position,
    /// Which columns its rows have.
    pub columns: Vec<ColumnOf>,
    /// Its rows, one object each.
    pub rows: Vec<Value>,
    /// Whether there are more rows than `analytics.rows`.
    pub is_cut: bool,
}

/// Answers questions about one ledger.
pub struct Analyst {
    manifest: Manifest,
    folder: PathBuf,
    config: AnalyticsConfig,
    program: Program,
    rest: Arc<Mutex<Rest>>,
    turns: Semaphore,
}

/// What a question is answered from.
struct Ground {
    position: Position,
    tables: BTreeMap<String, Vec<PathBuf>>,
    /// Kept until the answer is there.
    _rest: RestFiles,
}

impl Analyst {
    /// An analyst of this ledger and its export.
    #[must_use]
    pub fn new(ledger: &Arc<Ledger>, export: &ExportConfig, config: &AnalyticsConfig) -> Self {
        let path = config.program.clone().unwrap_or_else(Program::beside);
        Self {
            manifest: Manifest::new(ledger.pool().clone()),
            folder: export.folder.clone(),
            program: Program { path, timeout_ms: config.timeout_ms },
            rest: Arc::new(Mutex::new(Rest::new(ledger))),
            turns: Semaphore::new(config.at_once),
            config: config.clone(),
        }
    }

    /// Answers a question from a tenant's part of the log up to `head`, which the tail must have reached.
    ///
    /// # Errors
    /// [`AnalysisError`].
    pub async fn ask(
        &self,
        tenant: &TenantId,
        head: Position,
        question: impl Into<Question>,
    ) -> Result<Answer, AnalysisError> {
        let _turn = self.turns.acquire().await;
        let ground = self.ground(tenant, head).await?;
        let reply = self.put(&ground, question.into(), None).await?;
        match reply {
            Reply::Rows { columns, rows, is_cut } => {
                Ok(Answer { position: ground.position, columns, rows, is_cut })
            }
            other => Err(unexpected(&other)),
        }
    }

    /// As [`Analyst::ask`], with the whole answer written to a file; returns its position and its rows.
    ///
    /// # Errors
    /// [`AnalysisError`].
    pub async fn write(
        &self,
        tenant: &TenantId,
        head: Position,
        question: impl Into<Question>,
        target: Target,
    ) -> Result<(Position, u64), AnalysisError> {
        let _turn = self.turns.acquire().await;
        let ground = self.ground(tenant, head).await?;
        match self.put(&ground, question.into(), Some(target)).await? {
            Reply::Written { rows } => Ok((ground.position, rows)),
            other => Err(unexpected(&other)),
        }
    }

    async fn ground(&self, tenant: &TenantId, head: Position) -> Result<Ground, AnalysisError> {
        let mut rest = Arc::clone(&self.rest).lock_owned().await;
        let exported = self.manifest.read(Some(tenant.as_str())).await?;
        let position = rest.follow(exported.through, head, self.config.unexported_events).await?;
        let tenant = tenant.clone();
        let writing = spawn_blocking(move || rest.files(&tenant));
        let files = writing.await.map_err(|_| ExportError::CalledOff)??;
        let mut tables: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for dataset in Dataset::ALL {
            let exported = exported.files.iter().filter(|file| file.dataset == dataset);
            let exported = exported.map(|file| self.folder.join(&file.path));
            let rest = files.tables.get(&dataset).into_iter().flatten().cloned();
            tables.insert(dataset.to_string(), exported.chain(rest).collect());
        }
        Ok(Ground { position, tables, _rest: files })
    }

    async fn put(
        &self,
        ground: &Ground,
        question: Question,
        target: Option<Target>,
    ) -> Result<Reply, AnalysisError> {
        let Question { sql, values } = question;
        let (tables, limits) = (ground.tables.clone(), self.config.limits());
        let request = Request { tables, sql, values, limits, target };
        match self.program.ask(&request).await? {
            Reply::Refused { reason } => Err(AnalysisError::Refused { reason }),
            Reply::Failed { reason } => Err(AnalysisError::Failed { reason }),
            answer => Ok(answer),
        }
    }
}

fn unexpected(reply: &Reply) -> AnalysisError {
    let reason = match reply {
        Reply::Rows { .. } => "it was said, not written",
        _ => "it was written, not said",
    };
    AnalysisError::Failed { reason: reason.to_owned() }
}
