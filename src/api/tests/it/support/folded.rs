use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use projections::{ALL, Projection};
use schema::{Position, RecordedEvent};
use store::Ledger;
use tokio::sync::Mutex;
use waybill_api::ApiError;
use waybill_api::walls::ReadPosition;

/// The real projections, folded up to the head whenever somebody asks how far they are.
pub struct Folded {
    ledger: Arc<Ledger>,
    projections: Vec<Box<dyn Projection>>,
    reached: Mutex<Position>,
    is_still: AtomicBool,
}

impl Folded {
    pub fn new(ledger: Arc<Ledger>) -> Self {
        let projections = ALL.iter().map(|make| make()).collect();
        Self {
            ledger,
            projections,
            reached: Mutex::new(Position::START),
            is_still: AtomicBool::new(false),
        }
    }
}

impl Folded {
    /// From now on nothing is folded any more.
    pub fn stand_still(&self) {
        self.is_still.store(true, Ordering::Relaxed);
    }
}

#[async_trait]
impl ReadPosition for Folded {
    async fn reached(&self, _: &str) -> Result<Position, ApiError> {
        let mut reached = self.reached.lock().await;
        if self.is_still.load(Ordering::Relaxed) {
            return Ok(*reached);
        }
        let head = self.ledger.head().await?;
        let rows = self.ledger.read(*reached, head, 100_000, None).await?;
        let events: Vec<RecordedEvent> =
            rows.into_iter().map(|row| row.into_decoded().unwrap()).collect();
        let mut transaction = self.ledger.pool().begin().await?;
        sqlx::query("set local search_path = read").execute(&mut *transaction).await?;
        for projection in &self.projections {
            let kinds = projection.follows();
            let shown: Vec<&RecordedEvent> =
                events.iter().filter(|e| kinds.contains(&e.event.aggregate_type())).collect();
            projection.apply(&mut transaction, &shown).await.unwrap();
        }
        transaction.commit().await?;
        *reached = head;
        Ok(head)
    }
}
