//! Events that a restored backup lacks, put back as they were: same positions, same times, same bytes. Only the owner
//! may, and only behind the log's end: nothing that is there is touched. All of it, or nothing.

use schema::{DeliveryId, Position, TenantId, ToldEvent};
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnection;
use sqlx::{ConnectOptions, Connection, Executor};
use uuid::Uuid;

use crate::connect::options;
use crate::{Ledger, StoreError};

/// How long writers may keep the log from us.
const LOCK: &str = "set local lock_timeout = '10s'; lock table events in exclusive mode";
const STAGE: &str = "create temporary table returned (
    position bigint primary key, recorded_at timestamptz not null, aggregate_type text collate \"C\" not null,
    aggregate_id text collate \"C\" not null, sequence bigint not null, event_type text not null,
    event_version text not null, payload text not null, metadata text not null
) on commit drop";
const TAKE: &str = "insert into returned
    select * from unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[], $5::bigint[], $6::text[],
        $7::text[], $8::text[], $9::text[])";
/// The first event whose place in its stream is not the one behind what is there.
const GAP: &str = "select position, aggregate_type || ':' || aggregate_id, sequence from (
        select returned.*, known.last + row_number()
            over (partition by aggregate_type, aggregate_id order by position) as due
        from returned join (
            select aggregate_type, aggregate_id, (
                select coalesce(max(sequence), 0) from events
                where events.aggregate_type = streams.aggregate_type and events.aggregate_id = streams.aggregate_id
            ) as last
            from (select distinct aggregate_type, aggregate_id from returned) streams
        ) known using (aggregate_type, aggregate_id)
    ) placed
    where sequence <> due order by position limit 1";
const PUT_BACK: &str = "insert into events (position, recorded_at, aggregate_type, aggregate_id, sequence, event_type,
        event_version, payload, metadata)
    select position, recorded_at, aggregate_type, aggregate_id, sequence, event_type, event_version, payload::json,
        metadata::json
    from returned order by position";
/// Whether its plan was complete is for the planner to see: it looks at each once.
const PLAN: &str = "insert into planning_queue (distribution, tenant, slice, due_at)
    select aggregate_id::uuid, metadata::json ->> 'tenant', 0, clock_timestamp() from returned
    where aggregate_type = 'distribution' and sequence = 1
    on conflict do nothing";
const ADVANCE: &str =
    "select setval('events_position_seq', greatest(last_value, $1)) from events_position_seq";

/// Why events were not put back. The log is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ReturnError {
    /// The database is away, or refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Someone has written since.
    #[error(
        "the log ended at {expected} and now ends at {found}: something else writes to it. End that, and try again"
    )]
    Moved {
        /// Where it ended.
        expected: Position,
        /// Where it ends.
        found: Position,
    },
    /// An event of a stream is missing.
    #[error(
        "event {position} is number {sequence} of stream {stream}, which does not continue what is there: an event of \
         that stream is missing"
    )]
    Gap {
        /// The event.
        position: Position,
        /// Of which stream.
        stream: String,
        /// Its place there.
        sequence: i64,
    },
}

impl From<sqlx::Error> for ReturnError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// An event with its payload, as it comes back.
pub type Told = (ToldEvent, String);

/// Events on their way back. Dropped before it is finished, nothing has happened.
pub struct Returning {
    connection: PgConnection,
    count: u64,
}

impl Returning {
    /// Keeps all others from writing. `head` is where the log ends.
    ///
    /// # Errors
    /// [`ReturnError::Moved`], the database's.
    pub async fn begin(owner_url: &SecretString, head: Position) -> Result<Self, ReturnError> {
        let connecting = options(owner_url.expose_secret(), "waybill-recover")?;
        let mut connection = connecting.connect().await?;
        connection.execute("begin").await?;
        connection.execute(sqlx::raw_sql(LOCK)).await?;
        let found: i64 = sqlx::query_scalar("select coalesce(max(position), 0) from events")
            .fetch_one(&mut connection)
            .await?;
        if found != head.0 {
            return Err(ReturnError::Moved { expected: head, found: Position(found) });
        }
        connection.execute(STAGE).await?;
        Ok(Self { connection, count: 0 })
    }

    /// Takes events, in any order.
    ///
    /// # Errors
    /// The database's; also when two have the same position.
    pub async fn take(&mut self, events: &[Told]) -> Result<(), ReturnError> {
        let told = || events.iter().map(|(event, _)| event);
        let texts = |of: fn(&ToldEvent) -> &str| told().map(of).collect::<Vec<_>>();
        sqlx::query(TAKE)
            .bind(told().map(|event| event.position.0).collect::<Vec<_>>())
            .bind(told().map(|event| event.recorded_at.to_chrono()).collect::<Vec<_>>())
            .bind(texts(|event| &event.aggregate_type))
            .bind(texts(|event| &event.aggregate_id))
            .bind(told().map(|event| event.sequence).collect::<Vec<_>>())
            .bind(texts(|event| &event.event_type))
            .bind(texts(|event| &event.event_version))
            .bind(events.iter().map(|(_, payload)| payload.as_str()).collect::<Vec<_>>())
            .bind(texts(|event| &event.metadata))
            .execute(&mut self.connection)
            .await?;
        self.count += events.len() as u64;
        Ok(())
    }

    /// Puts them back in order, and says how many they were. Positions go on behind `through`.
    ///
    /// # Errors
    /// [`ReturnError::Gap`], the database's.
    pub async fn finish(mut self, through: Position) -> Result<u64, ReturnError> {
        self.connection.execute("analyze returned").await?;
        let gap: Option<(i64, String, i64)> =
            sqlx::query_as(GAP).fetch_optional(&mut self.connection).await?;
        if let Some((position, stream, sequence)) = gap {
            return Err(ReturnError::Gap { position: Position(position), stream, sequence });
        }
        self.connection.execute(PUT_BACK).await?;
        self.connection.execute(PLAN).await?;
        sqlx::query(ADVANCE).bind(through.0).execute(&mut self.connection).await?;
        self.connection.execute("commit").await?;
        self.connection.close().await?;
        Ok(self.count)
    }
}

/// Positions up to `through` are never given out again, whether the log holds them or not.
///
/// # Errors
/// The database's.
pub async fn pass_positions(owner_url: &SecretString, through: Position) -> Result<(), StoreError> {
    let mut connection = options(owner_url.expose_secret(), "waybill-recover")?.connect().await?;
    sqlx::query(ADVANCE).bind(through.0).execute(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

impl Ledger {
    /// The last event at a position or before it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn last_through(&self, position: Position) -> Result<Position, StoreError> {
        let last = "select coalesce(max(position), 0) from events where position <= $1";
        let last = sqlx::query_scalar(last).bind(position.0).fetch_one(self.reads()).await?;
        Ok(Position(last))
    }

    /// Open deliveries behind one, in the order of their ids.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn open_deliveries(
        &self,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> Result<Vec<DeliveryId>, StoreError> {
        let open = "select delivery from delivery_queue where $1::uuid is null or delivery > $1 \
                    order by delivery limit $2";
        let open = sqlx::query_scalar::<_, Uuid>(open)
            .bind(after.map(|after| after.as_uuid()))
            .bind(i64::from(limit))
            .fetch_all(self.reads())
            .await?;
        Ok(open.into_iter().map(DeliveryId::from_uuid).collect())
    }

    /// Tenants with a distribution whose plan is not complete.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn unplanned_tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        let names = "select distinct tenant from planning_queue order by 1";
        let names: Vec<String> = sqlx::query_scalar(names).fetch_all(self.reads()).await?;
        names.into_iter().map(|name| Ok(TenantId::try_new(name)?)).collect()
    }
}
