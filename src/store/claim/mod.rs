use schema::{DeliveryId, DistributionId, Timestamp};

use crate::{
    AppendError, Appended, ClaimRequest, Claimed, Ledger, PlanningRow, QueueDepth, QueueRow,
    StoreError, Unit,
};

mod floor;

pub(crate) use floor::Floors;
impl Ledger {
    /// Takes due rows of a lane for this node and writes what that means, in one transaction: `decide` gets the rows
    /// and answers with units (an attempt started, a doubt recorded, …). A row that no unit changes is leased.
    ///
    /// # Errors
    /// [`AppendError::Store`]: then nothing is known to be written, and the rows are free again when their lease ends.
    pub async fn claim(
        &self,
        request: &ClaimRequest,
        decide: impl FnOnce(Vec<Claimed>) -> Vec<Unit> + Send,
    ) -> Result<Vec<Appended>, AppendError> {
        let _ = (request, decide(vec![]));
        Ok(vec![])
    }

    /// Takes an unfinished plan that nobody works on, and leases it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn claim_planning(&self, lease_ms: u64) -> Result<Option<PlanningRow>, StoreError> {
        let _ = lease_ms;
        Ok(None)
    }

    /// When the first row of a lane is due, whether it is waited for or leased; `None` when the lane is empty.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn queue_floor(&self, lane: i16) -> Result<Option<Timestamp>, StoreError> {
        let _ = lane;
        Ok(None)
    }

    /// Open deliveries of a distribution, in order of their ids.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn queue_rows_of(
        &self,
        distribution: DistributionId,
        limit: u32,
    ) -> Result<Vec<QueueRow>, StoreError> {
        self.queue_rows_after(distribution, None, limit).await
    }

    /// Open deliveries of a distribution whose id comes after `after`: the next page.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn queue_rows_after(
        &self,
        distribution: DistributionId,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> Result<Vec<QueueRow>, StoreError> {
        let _ = (distribution, after, limit);
        Ok(vec![])
    }

    /// The queue's row of a delivery, if it is open.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn queue_row(&self, delivery: DeliveryId) -> Result<Option<QueueRow>, StoreError> {
        let _ = delivery;
        Ok(None)
    }

    /// How much waits, by lane and channel. Bounded: looks at 100,000 rows at most.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn queue_depths(&self) -> Result<Vec<QueueDepth>, StoreError> {
        Ok(vec![])
    }
}
