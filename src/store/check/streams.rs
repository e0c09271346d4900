use schema::{DeliveryId, RecordedEvent};
use sqlx::postgres::PgPool;
use uuid::Uuid;

use super::queries;
use crate::StoreError;

/// Events in one page, about.
const PAGE_EVENTS: i64 = 4_000;

/// Whole delivery streams in order of their ids, a bounded number of events at a time.
pub(super) struct StreamPages<'p> {
    pool: &'p PgPool,
    after: Option<DeliveryId>,
    ended: bool,
}

/// Some streams, each whole.
pub(super) struct Page {
    /// They come after this id.
    pub after: Option<DeliveryId>,
    pub streams: Vec<(DeliveryId, Vec<RecordedEvent>)>,
}

impl<'p> StreamPages<'p> {
    pub const fn new(pool: &'p PgPool) -> Self {
        Self { pool, after: None, ended: false }
    }

    /// The next page, and the id up to which it is complete (none on the last one: up to the end).
    pub async fn next(&mut self) -> Result<Option<(Page, Option<DeliveryId>)>, StoreError> {
        if self.ended {
            return Ok(None);
        }
        let rows = queries::delivery_events(self.pool, self.after, PAGE_EVENTS).await?;
        self.ended = rows.len() < usize::try_from(PAGE_EVENTS).unwrap_or(usize::MAX);
        let mut streams: Vec<(DeliveryId, Vec<RecordedEvent>)> = Vec::new();
        for row in rows {
            let event = row.decode()?;
            let id: DeliveryId = event.stream.aggregate_id.parse()?;
            match streams.last_mut() {
                Some((last, events)) if *last == id => events.push(event),
                _ => streams.push((id, vec![event])),
            }
        }
        let after = self.after;
        if !self.ended {
            // The last stream may go on in the next page: it is read whole.
            let Some((last, events)) = streams.last_mut() else { return Ok(None) };
            *events = queries::stream_of(self.pool, *last)
                .await?
                .iter()
                .map(crate::log::RawRow::decode)
                .collect::<Result<_, _>>()?;
            self.after = Some(*last);
        }
        let upto = if self.ended { None } else { self.after };
        Ok(Some((Page { after, streams }, upto)))
    }
}

/// Before the first id and after the last one.
pub(super) const BOUNDS: (Uuid, Uuid) = (Uuid::nil(), Uuid::max());
