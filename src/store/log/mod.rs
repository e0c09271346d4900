//! Reading the log: whole streams, many streams at once, and windows of positions.

mod part;
mod queries;
mod row;

use std::collections::HashMap;

use schema::{
    AddressId, AggregateType, Position, RecipientId, RecordedEvent, Sha256, StreamId, TenantId,
    Timestamp,
};

use crate::{CommandOutcome, Ledger, StoreError};

pub use part::{LAST_STREAM, StreamPart, StreamSpan};
pub use row::LogRow;
pub(crate) use row::{RawRow, rows};

impl Ledger {
    /// The events of a stream after a sequence (0 for all of them), in order.
    ///
    /// # Errors
    /// [`StoreError::Codec`] when one was written by a newer program; [`StoreError::Unavailable`].
    pub async fn load_stream(
        &self,
        stream: &StreamId,
        after_sequence: i64,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let rows = queries::stream(self.reads(), stream, after_sequence).await?;
        rows.iter().map(RawRow::decode).collect()
    }

    /// The events of many streams of one kind. Streams without events are absent.
    ///
    /// # Errors
    /// As [`Ledger::load_stream`].
    pub async fn load_streams(
        &self,
        aggregate_type: AggregateType,
        ids: &[String],
    ) -> Result<HashMap<String, Vec<RecordedEvent>>, StoreError> {
        let mut streams: HashMap<String, Vec<RecordedEvent>> = HashMap::with_capacity(ids.len());
        for row in queries::streams(self.reads(), aggregate_type, ids).await? {
            let event = row.decode()?;
            match streams.get_mut(&event.stream.aggregate_id) {
                Some(events) => events.push(event),
                None => {
                    streams.insert(event.stream.aggregate_id.clone(), vec![event]);
                }
            }
        }
        Ok(streams)
    }

    /// The first event of each of many streams of one kind, in no order. Streams without events are absent.
    ///
    /// # Errors
    /// As [`Ledger::load_stream`].
    pub async fn load_beginnings(
        &self,
        aggregate_type: AggregateType,
        ids: &[String],
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let rows = queries::beginnings(self.reads(), aggregate_type, ids).await?;
        rows.iter().map(RawRow::decode).collect()
    }

    /// The events of many streams of one kind, as the log holds them; each stream's in order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]. An event that cannot be decoded is a value in its row.
    pub async fn read_streams_of(
        &self,
        aggregate_type: AggregateType,
        ids: &[String],
    ) -> Result<Vec<LogRow>, StoreError> {
        let rows = queries::streams(self.reads(), aggregate_type, ids).await?;
        Ok(rows.into_iter().map(LogRow::from).collect())
    }

    /// Folds a stream: what its events add up to, and the last one's sequence (0 when there is none).
    ///
    /// # Errors
    /// As [`Ledger::load_stream`].
    pub async fn load<S: Default>(
        &self,
        stream: &StreamId,
        mut evolve: impl FnMut(&mut S, &RecordedEvent),
    ) -> Result<(S, i64), StoreError> {
        let mut state = S::default();
        let mut sequence = 0;
        for event in self.load_stream(stream, 0).await? {
            evolve(&mut state, &event);
            sequence = event.sequence;
        }
        Ok((state, sequence))
    }

    /// What became of a command, if its id was used before. The digest tells the same request from another one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn command(
        &self,
        tenant: &TenantId,
        id: &str,
        body_sha256: &Sha256,
    ) -> Result<Option<CommandOutcome>, StoreError> {
        let found = queries::command(self.reads(), tenant, id).await?;
        Ok(found.map(|(digest, outcome)| {
            if digest == body_sha256.as_bytes() {
                CommandOutcome::Seen { outcome }
            } else {
                CommandOutcome::OtherBody
            }
        }))
    }

    /// Log rows with `after < position <= through` in order, at most `max_rows` positions wide: the reader goes on at
    /// the window's end. `through` must be a position the tail has reached, or rows may still appear below it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]. An event that cannot be decoded is a value in its row.
    pub async fn read(
        &self,
        after: Position,
        through: Position,
        max_rows: u32,
        types: Option<&[AggregateType]>,
    ) -> Result<Vec<LogRow>, StoreError> {
        let mut from = after.0;
        while from < through.0 {
            let to = through.0.min(from.saturating_add(i64::from(max_rows.max(1))));
            let rows = queries::window(self.reads(), from, to, types).await?;
            if !rows.is_empty() {
                return Ok(rows.into_iter().map(LogRow::from).collect());
            }
            from = to;
        }
        Ok(Vec::new())
    }

    /// The same of one tenant alone.
    ///
    /// # Errors
    /// As [`Ledger::read`].
    pub async fn read_of(
        &self,
        tenant: &TenantId,
        after: Position,
        through: Position,
        max_rows: u32,
        types: Option<&[AggregateType]>,
    ) -> Result<Vec<LogRow>, StoreError> {
        let mut from = after.0;
        while from < through.0 {
            let to = through.0.min(from.saturating_add(i64::from(max_rows.max(1))));
            let rows = queries::window_of(self.reads(), tenant, from, to, types).await?;
            if !rows.is_empty() {
                return Ok(rows.into_iter().map(LogRow::from).collect());
            }
            from = to;
        }
        Ok(Vec::new())
    }

    /// The first `max_rows` log rows with `after < position <= through` that say who wants what: neither those of
    /// deliveries, nor what a distribution goes through, unless it is stopped. An index holds no others, so the cost is
    /// theirs, however long the log.
    ///
    /// # Errors
    /// As [`Ledger::read`].
    pub async fn read_routing(
        &self,
        after: Position,
        through: Position,
        max_rows: u32,
    ) -> Result<Vec<LogRow>, StoreError> {
        let rows = queries::routing(self.reads(), after.0, through.0, max_rows).await?;
        Ok(rows.into_iter().map(LogRow::from).collect())
    }

    /// The highest position that can be seen now. Lower ones may still appear: readers of the log take the tail's head.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn head(&self) -> Result<Position, StoreError> {
        Ok(Position(queries::head(self.reads()).await?))
    }

    /// How many events stand between two positions, the second one included.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn count_between(
        &self,
        after: Position,
        through: Position,
    ) -> Result<u64, StoreError> {
        let count = queries::count(self.reads(), after.0, through.0).await?;
        Ok(count.unsigned_abs())
    }

    /// The first `max_rows` events of a tenant's stream after a sequence (0 for its beginning) up to a position, in
    /// order; another tenant's has none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]. An event that cannot be decoded is a value in its row.
    pub async fn read_stream(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
        after_sequence: i64,
        through: Position,
        max_rows: u32,
    ) -> Result<Vec<LogRow>, StoreError> {
        let (reads, through) = (self.reads(), through.0);
        let rows =
            queries::stream_part(reads, tenant, stream, after_sequence, through, max_rows).await?;
        Ok(rows.into_iter().map(LogRow::from).collect())
    }

    /// The first `max_rows` events of a tenant's streams of these kinds with `after < position <= through`, in order.
    /// Never those of deliveries: they are by far the most, and are read by their stream.
    ///
    /// # Errors
    /// As [`Ledger::read_stream`].
    pub async fn read_kinds(
        &self,
        tenant: &TenantId,
        kinds: &[AggregateType],
        after: Position,
        through: Position,
        max_rows: u32,
    ) -> Result<Vec<LogRow>, StoreError> {
        let (reads, after, through) = (self.reads(), after.0, through.0);
        let rows = queries::kinds(reads, tenant, kinds, after, through, max_rows).await?;
        Ok(rows.into_iter().map(LogRow::from).collect())
    }

    /// When the last event up to a position was taken; none before the first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn recorded_through(
        &self,
        position: Position,
    ) -> Result<Option<Timestamp>, StoreError> {
        let recorded_at = queries::recorded_through(self.reads(), position.0).await?;
        Ok(recorded_at.map(Timestamp::from))
    }

    /// The event at which the log, up to `head`, crosses an instant: it was taken at `instant` or before, the next one
    /// after it. None when the first event was. Found by halving positions, so where a clock was set back it is one of
    /// several crossings, for the same log always the same: what is read there is named by the position.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn position_at(
        &self,
        instant: Timestamp,
        head: Position,
    ) -> Result<Option<Position>, StoreError> {
        let mut at = 0_i64;
        for bit in (0..63).rev() {
            let candidate = at | 1 << bit;
            if candidate > head.0 {
                continue;
            }
            let recorded_at = queries::recorded_from(self.reads(), candidate).await?;
            if recorded_at.is_some_and(|taken| Timestamp::from(taken) <= instant) {
                at = candidate;
            }
        }
        Ok((at > 0).then_some(Position(at)))
    }

    /// What the database's clock shows.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn now(&self) -> Result<Timestamp, StoreError> {
        Ok(Timestamp::from(queries::now(self.reads()).await?))
    }

    /// Recipients whose address has this tag, with the address.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn find_by_address(
        &self,
        tenant: &TenantId,
        tag: &str,
    ) -> Result<Vec<(RecipientId, AddressId)>, StoreError> {
        addresses(queries::by_address(self.reads(), tenant, tag).await?)
    }

    /// Other addresses of the tenant with the value that this one has now, at most `limit`. None when it is retired.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn same_address(
        &self,
        tenant: &TenantId,
        recipient: &RecipientId,
        address: &AddressId,
        limit: u32,
    ) -> Result<Vec<(RecipientId, AddressId)>, StoreError> {
        addresses(queries::same_address(self.reads(), tenant, recipient, address, limit).await?)
    }
}

fn addresses(rows: Vec<(String, String)>) -> Result<Vec<(RecipientId, AddressId)>, StoreError> {
    let named =
        |(recipient, address)| Ok((RecipientId::try_new(recipient)?, AddressId::try_new(address)?));
    rows.into_iter().map(named).collect()
}
