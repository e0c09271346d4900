use std::borrow::Borrow;
use std::collections::HashMap;
use std::sync::Arc;

use analytics::{Block, Courses, EventRow, Needs, Subject};
use schema::{AggregateType, Metadata, Position};
use store::{Ledger, LogRow};

use crate::ExportError;

/// Streams looked up at a time.
const AT_ONCE: usize = 1_000;

/// Rows of the log made into facts; what their streams began with is read where it is not remembered.
pub struct Folding {
    ledger: Arc<Ledger>,
    courses: Courses,
}

impl Folding {
    /// Nothing remembered yet.
    #[must_use]
    pub fn new(ledger: &Arc<Ledger>) -> Self {
        Self { ledger: Arc::clone(ledger), courses: Courses::default() }
    }

    /// Folds the rows, which must follow on those folded before, into a block. Events of a newer program are in it as
    /// they are stored, and nothing is made of them.
    ///
    /// # Errors
    /// [`ExportError::Ledger`], [`ExportError::Metadata`].
    pub async fn fold_into(
        &mut self,
        block: &mut Block,
        rows: &[impl Borrow<LogRow>],
    ) -> Result<(), ExportError> {
        let rows = || rows.iter().map(Borrow::borrow);
        let Some(first) = rows().next().map(|row| row.position) else { return Ok(()) };
        self.courses.reserve(rows().count());
        let events = rows().filter_map(|row| row.decoded().ok());
        let needs = self.courses.needs(events);
        self.begin(needs, first).await?;
        let mut facts = Vec::new();
        for row in rows() {
            match row.decoded() {
                Ok(event) => {
                    let subject = self.courses.fold(event, &mut facts);
                    let Metadata { tenant, actor, .. } = &*event.metadata;
                    let event = event_row(row, actor.to_string(), subject);
                    block.push(tenant.as_str(), event, facts.drain(..));
                }
                Err(_) => {
                    let position = row.position;
                    let metadata: Metadata = serde_json::from_str(&row.metadata)
                        .map_err(|source| ExportError::Metadata { position, source })?;
                    let event = event_row(row, metadata.actor.to_string(), Subject::default());
                    block.push(metadata.tenant.as_str(), event, []);
                }
            }
        }
        Ok(())
    }

    /// Reads how these streams went before a position.
    async fn begin(&mut self, needs: Needs, before: Position) -> Result<(), ExportError> {
        let mut ids: HashMap<AggregateType, Vec<String>> = HashMap::new();
        for stream in needs {
            ids.entry(stream.aggregate_type).or_default().push(stream.aggregate_id);
        }
        for (kind, ids) in ids {
            for ids in ids.chunks(AT_ONCE) {
                for row in self.ledger.read_streams_of(kind, ids).await? {
                    if let (true, Ok(event)) = (row.position < before, row.decoded()) {
                        self.courses.remember(event);
                    }
                }
            }
        }
        Ok(())
    }
}

fn event_row(row: &LogRow, actor: String, subject: Subject) -> EventRow {
    EventRow {
        position: row.position,
        recorded_at: row.recorded_at,
        aggregate_type: row.aggregate_type.clone(),
        aggregate_id: row.aggregate_id.clone(),
        sequence: row.sequence,
        event_type: row.event_type.clone(),
        event_version: row.event_version.clone(),
        payload: row.payload.clone(),
        metadata: row.metadata.clone(),
        actor,
        subject,
    }
}
