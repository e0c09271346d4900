//! Claiming: due rows of a queue become one node's, in the transaction that records what it does with them. Two nodes
//! never get the same row; what a dead node had comes back when its lease ends. Knows no channel and no rule.

mod floor;
mod queries;
mod row;

use std::collections::{BTreeSet, HashMap};

use schema::{DeliveryId, DistributionId, RecordedEvent, Timestamp};
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::time::Instant;
use tracing::error;

use crate::append::{Columns, Encoded, Failure, MAX_EVENTS, write_all};
use crate::{
    AppendError, Appended, ClaimRequest, Claimed, Due, Ledger, PlanningRow, QueueChange,
    QueueDepth, QueueRow, StoreError, Unit,
};

pub(crate) use floor::{Floors, LaneOf};
pub(crate) use row::RawQueueRow;

/// How far below the database's clock a floor stays, for rows put by nodes whose clock is behind.
const FLOOR_SLACK_MS: i64 = 1_000;

impl Ledger {
    /// Takes due rows of a lane for this node and writes what that means, in one transaction: `decide` gets the rows
    /// and answers with units (an attempt started, a doubt recorded, …). A row that no unit changes is leased, and so
    /// is one whose unit cannot be stored; that is logged.
    ///
    /// # Errors
    /// [`AppendError::Store`]: then nothing is known to be written, and the rows are free again when their lease ends.
    pub async fn claim(
        &self,
        request: &ClaimRequest,
        decide: impl FnOnce(Vec<Claimed>) -> Vec<Unit> + Send,
    ) -> Result<Vec<Appended>, AppendError> {
        let floor = self.floor((request.lane, request.channel)).await?;
        let mut connection = self.claims.acquire().await?;
        let claiming = claim_on(&mut connection, request, floor, decide);
        let appended = match self.claims().within(claiming).await {
            Some(appended) => appended?,
            None => {
                drop(connection.detach());
                return Err(StoreError::Unavailable(sqlx::Error::PoolTimedOut).into());
            }
        };
        for unit in &appended {
            self.announcer.announce(&unit.events);
        }
        Ok(appended)
    }

    /// From where a claim looks: looked up once a second, then remembered.
    async fn floor(&self, lane: LaneOf) -> Result<Timestamp, StoreError> {
        if let Some(floor) = self.floors.known(lane) {
            return Ok(floor);
        }
        let looked_up = Instant::now();
        let (first, now) = queries::floor(self.claims(), lane.0, lane.1).await?;
        let recent = Timestamp::from_unix_micros(now.timestamp_micros() - FLOOR_SLACK_MS * 1_000);
        let floor = first.map_or(recent, |first| Timestamp::from(first).min(recent));
        self.floors.set(lane, floor, looked_up);
        Ok(floor)
    }

    /// Takes an unfinished plan that nobody works on, and leases it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn claim_planning(&self, lease_ms: u64) -> Result<Option<PlanningRow>, StoreError> {
        let row = queries::claim_planning(self.claims(), lease_ms).await?;
        row.map(PlanningRow::try_from).transpose()
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
        let rows = queries::rows_of(self.reads(), distribution, after, limit).await?;
        rows.into_iter().map(QueueRow::try_from).collect()
    }

    /// Deliveries of a lane that wait for their time, none of them under way, whose id comes after `after`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn queue_rows_waiting(
        &self,
        lane: i16,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> Result<Vec<QueueRow>, StoreError> {
        let rows = queries::waiting(self.reads(), lane, after, limit).await?;
        rows.into_iter().map(QueueRow::try_from).collect()
    }

    /// The queue's row of a delivery, if it is open.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn queue_row(&self, delivery: DeliveryId) -> Result<Option<QueueRow>, StoreError> {
        queries::row(self.reads(), delivery).await?.map(QueueRow::try_from).transpose()
    }

    /// Deliveries that wait for a person though their deadline has passed: 10,000 means "or more".
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn held_past_deadline(&self) -> Result<u32, StoreError> {
        Ok(u32::try_from(queries::held_past_deadline(&self.shared).await?).unwrap_or(u32::MAX))
    }

    /// How much waits, by lane and channel. Bounded: looks at 100,000 rows at most.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn queue_depths(&self) -> Result<Vec<QueueDepth>, StoreError> {
        let depths = queries::depths(&self.shared).await?;
        depths.into_iter().map(QueueDepth::try_from).collect()
    }
}

/// Claims, decides and writes on one connection, in one transaction.
async fn claim_on(
    connection: &mut PgConnection,
    request: &ClaimRequest,
    floor: Timestamp,
    decide: impl FnOnce(Vec<Claimed>) -> Vec<Unit> + Send,
) -> Result<Vec<Appended>, AppendError> {
    let mut transaction = connection.begin().await?;
    let rows = queries::claim(&mut transaction, request, floor).await?;
    if rows.is_empty() {
        transaction.rollback().await?;
        return Ok(Vec::new());
    }
    let mut rows = rows.into_iter().map(Claimed::try_from).collect::<Result<Vec<_>, _>>()?;
    read_histories(&mut transaction, &mut rows).await?;
    let leased: Vec<QueueRow> = rows.iter().map(|claimed| claimed.row.clone()).collect();
    let mut units = Vec::new();
    for unit in decide(rows) {
        units.extend(storable(unit));
    }
    let lease = leases(&units, &leased, request.lease_ms);
    let columns = Columns::of(units.iter().chain(&lease));
    let places = match write_all(&mut transaction, &columns).await {
        Ok(places) => {
            transaction.commit().await?;
            places
        }
        Err(error) if matches!(Failure::of(&error), Failure::Guilty | Failure::Deadlock) => {
            transaction.rollback().await?;
            return Ok(one_by_one(connection, units, &leased, request).await?);
        }
        Err(error) => return Err(error.into()),
    };
    let mut places = places.as_slice();
    let mut appended = Vec::with_capacity(units.len());
    for unit in units {
        let (own, others) = places.split_at(unit.payloads.len().min(places.len()));
        places = others;
        appended.push(unit.recorded(own));
    }
    Ok(appended)
}

/// Reads the streams of those rows that hold no state.
async fn read_histories(
    connection: &mut PgConnection,
    rows: &mut [Claimed],
) -> Result<(), StoreError> {
    let bare = rows.iter().filter(|claimed| claimed.row.state.is_empty());
    let ids: Vec<String> = bare.map(|claimed| claimed.row.delivery.to_string()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let mut histories: HashMap<String, Vec<RecordedEvent>> = HashMap::new();
    for row in queries::histories(connection, &ids).await? {
        let event = row.decode()?;
        histories.entry(row.aggregate_id).or_default().push(event);
    }
    for claimed in rows.iter_mut().filter(|claimed| claimed.row.state.is_empty()) {
        claimed.history = histories.remove(&claimed.row.delivery.to_string()).unwrap_or_default();
    }
    Ok(())
}

/// The unit's bytes, or nothing when it has none that Postgres can hold.
fn storable(unit: Unit) -> Option<Encoded> {
    let first = unit.appends.first().map(|append| append.stream.to_string());
    Encoded::try_new(unit)
        .inspect_err(
            |error| error!(error = %error, "a claimed row's unit on {first:?} is left out"),
        )
        .ok()
}

/// A lease for each row that no unit changes.
fn leases(units: &[Encoded], rows: &[QueueRow], lease_ms: u64) -> Option<Encoded> {
    let changed: BTreeSet<DeliveryId> =
        units.iter().flat_map(|unit| &unit.unit.queue).map(QueueChange::delivery).collect();
    let queue: Vec<QueueChange> = rows
        .iter()
        .filter(|row| !changed.contains(&row.delivery))
        .map(|row| QueueChange::Put(row.clone(), Due::Leased { lease_ms }))
        .collect();
    let tenant = rows.first()?.tenant.clone();
    let metadata = schema::Metadata::new(tenant, schema::Actor::new("node", "claim"));
    (!queue.is_empty()).then(|| storable(Unit { queue, ..Unit::new(metadata) })).flatten()
}

/// Where one unit spoils a claim, each is written by itself; rows of those that cannot be are leased, so that they do
/// not come back at once.
async fn one_by_one(
    connection: &mut PgConnection,
    units: Vec<Encoded>,
    rows: &[QueueRow],
    request: &ClaimRequest,
) -> sqlx::Result<Vec<Appended>> {
    let mut transaction = connection.begin().await?;
    let free = queries::lock_again(&mut transaction, rows, request.lane).await?;
    let mut written = Vec::new();
    let mut appended = Vec::new();
    for unit in units {
        let is_ours =
            unit.unit.queue.iter().all(|change| free.contains(&change.delivery().as_uuid()));
        if !is_ours {
            continue;
        }
        let columns = Columns::of(std::iter::once(&unit));
        let mut savepoint = transaction.begin().await?;
        match write_all(&mut savepoint, &columns).await {
            Ok(places) => {
                savepoint.commit().await?;
                drop(columns);
                written.extend(unit.unit.queue.iter().map(QueueChange::delivery));
                appended.push(unit.recorded(&places));
            }
            Err(guilty) if Failure::of(&guilty) == Failure::Guilty => {
                savepoint.rollback().await?;
                let stream = unit.unit.appends.first().map(|append| append.stream.to_string());
                error!(error = %guilty, "what was decided on {stream:?} cannot be stored: it waits");
            }
            Err(error) => return Err(error),
        }
    }
    let left: Vec<QueueRow> = rows
        .iter()
        .filter(|row| free.contains(&row.delivery.as_uuid()) && !written.contains(&row.delivery))
        .cloned()
        .collect();
    if let Some(lease) = leases(&[], &left, request.lease_ms) {
        write_all(&mut transaction, &Columns::of(std::iter::once(&lease))).await?;
    }
    transaction.commit().await?;
    Ok(appended)
}

/// Rows of one claim, at most: each leads to an event or two.
const fn bounded(limit: u32) -> i64 {
    let most = (MAX_EVENTS / 2) as u32;
    (if limit < most { limit } else { most }) as i64
}
