//! Who else works on this database. Nothing that must be right rests on it.

use std::time::Duration;

use crate::{Ledger, StoreError};

impl Ledger {
    /// Says that `node` is there, forgets who was silent for longer than `silence`, and counts the others.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn see_nodes(&self, node: &str, silence: Duration) -> Result<u32, StoreError> {
        let others: i64 = sqlx::query_scalar(
            "with seen as ( \
                 insert into nodes (node) values ($1) \
                 on conflict (node) do update set seen_at = clock_timestamp() \
             ), silent as ( \
                 delete from nodes where node <> $1 \
                     and seen_at < clock_timestamp() - $2 * interval '1 millisecond' \
             ) \
             select count(*) from nodes where node <> $1 \
                 and seen_at >= clock_timestamp() - $2 * interval '1 millisecond'",
        )
        .bind(node)
        .bind(i64::try_from(silence.as_millis()).unwrap_or(i64::MAX))
        .fetch_one(self.claims())
        .await?;
        Ok(u32::try_from(others).unwrap_or(u32::MAX))
    }

    /// Says that `node` is there no more.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn leave_nodes(&self, node: &str) -> Result<(), StoreError> {
        sqlx::query("delete from nodes where node = $1").bind(node).execute(self.claims()).await?;
        Ok(())
    }
}
