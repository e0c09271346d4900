use schema::{Actor, DeliveryId, Metadata, RecordedEvent};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor};

use super::compare::Held;
use super::{QueueReport, queries};
use crate::append::{Columns, Encoded, write_all};
use crate::{AppendError, Due, Ledger, QueueChange, QueueRow, StoreError, Unit};

/// Rounds of mending, at most: a busy system moves on meanwhile.
const MAX_ROUNDS: u32 = 5;

impl Ledger {
    /// Makes the delivery queue equal to the fold; returns what it found before. Best while nothing is sent: a row that
    /// changes at this moment is looked at again, a few times.
    ///
    /// # Errors
    /// As [`Ledger::queue_check`].
    pub async fn queue_rebuild(
        &self,
        fold: impl Fn(&[RecordedEvent]) -> Option<(QueueRow, Due)> + Send + Sync,
    ) -> Result<QueueReport, StoreError> {
        let first = self.queue_check(&fold).await?;
        let mut report = first.clone();
        for _ in 0..MAX_ROUNDS {
            if report.differences.is_empty() {
                break;
            }
            for difference in &report.differences {
                self.mend(difference.delivery(), &fold).await?;
            }
            report = self.queue_check(&fold).await?;
        }
        Ok(first)
    }

    /// The queue's row and the events of one delivery, as of one moment.
    pub(super) async fn snapshot_of(
        &self,
        delivery: DeliveryId,
    ) -> Result<(Option<Held>, Vec<RecordedEvent>), StoreError> {
        let mut connection = self.reads.acquire().await?;
        let mut transaction = connection.begin().await?;
        transaction.execute("set transaction isolation level repeatable read read only").await?;
        let row = queries::row_of(&mut transaction, delivery).await?;
        let events = events_of(&mut transaction, delivery).await?;
        transaction.rollback().await?;
        Ok((row.map(Held::try_from).transpose()?, events))
    }

    async fn mend(
        &self,
        delivery: DeliveryId,
        fold: &(impl Fn(&[RecordedEvent]) -> Option<(QueueRow, Due)> + Send + Sync),
    ) -> Result<(), StoreError> {
        let mut connection = self.claims.acquire().await?;
        let mut transaction = connection.begin().await?;
        queries::lock_row(&mut transaction, delivery).await?;
        let events = events_of(&mut transaction, delivery).await?;
        match fold(&events) {
            None => queries::delete_row(&mut transaction, delivery).await?,
            Some((row, due)) => {
                let metadata = Metadata::new(row.tenant.clone(), Actor::new("node", "rebuild"));
                let queue = vec![QueueChange::Put(row, due)];
                let unit = Encoded::try_new(Unit { queue, ..Unit::new(metadata) });
                let unit = unit.map_err(|error| match error {
                    AppendError::Store(error) => error,
                    _ => StoreError::Closed,
                })?;
                write_all(&mut transaction, &Columns::of(std::iter::once(&unit))).await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }
}

async fn events_of(
    connection: &mut PgConnection,
    delivery: DeliveryId,
) -> Result<Vec<RecordedEvent>, StoreError> {
    let rows = queries::stream_of(connection, delivery).await?;
    rows.iter().map(crate::log::RawRow::decode).collect()
}
