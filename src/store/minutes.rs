//! Whether nodes were ready, minute by minute: no part of the log, since a service that is away can append nothing.

use schema::Timestamp;

use crate::{Ledger, StoreError};

/// Minutes of a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Minutes {
    /// From the first one on record; the one under way is left out.
    pub known: i64,
    /// In which some node was ready whenever it looked.
    pub available: i64,
}

impl Ledger {
    /// Records whether `node` is ready now. A minute counts for a node when it was ready at each look.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn record_minute(&self, node: &str, ready: bool) -> Result<(), StoreError> {
        sqlx::query(
            "insert into node_minutes as m (minute, node, ready) \
             values (date_trunc('minute', clock_timestamp()), $1, $2) \
             on conflict (minute, node) do update set ready = m.ready and excluded.ready",
        )
        .bind(node)
        .bind(ready)
        .execute(self.claims())
        .await?;
        Ok(())
    }

    /// The whole minutes from `since` until before `until`. One that no node wrote counts as not available.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn minutes(&self, since: Timestamp, until: Timestamp) -> Result<Minutes, StoreError> {
        let (known, available): (i64, i64) = sqlx::query_as(
            "with span as ( \
                 select greatest(date_trunc('minute', $1 + interval '59.999999 seconds'), \
                            (select min(minute) from node_minutes)) as first, \
                        least(date_trunc('minute', $2), \
                            date_trunc('minute', clock_timestamp())) as after \
                 where exists (select from node_minutes) \
             ) \
             select coalesce(greatest(extract(epoch from s.after - s.first)::bigint / 60, 0), 0), \
                    (select count(distinct m.minute) from node_minutes m \
                     where m.ready and m.minute >= s.first and m.minute < s.after) \
             from (select 1) always left join span s on true",
        )
        .bind(since.to_chrono())
        .bind(until.to_chrono())
        .fetch_one(self.claims())
        .await?;
        Ok(Minutes { known, available })
    }
}
