use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};
use sqlx::postgres::{PgPool, PgQueryResult, PgRow, PgStatement, PgTypeInfo, Postgres};
use sqlx::{Describe, Either, Execute, Executor};
use tokio::time::timeout;

/// By how much Postgres gives up first: its own answer keeps the connection usable.
const GRACE: Duration = Duration::from_secs(1);

/// A pool whose statements end in time even when the other side is gone without a word: no answer, no reset. The
/// connection is then given up with the statement. The driver sets no keepalive, and the system would wait for minutes.
/// Rows are gathered: for statements that return a bounded number of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timely<'p> {
    pool: &'p PgPool,
    limit: Duration,
}

impl<'p> Timely<'p> {
    /// `limit_ms` is what Postgres allows a statement of this pool: see [`crate::connect::limited`].
    pub fn new(pool: &'p PgPool, limit_ms: u64) -> Self {
        Self { pool, limit: Duration::from_millis(limit_ms) + GRACE }
    }

    /// The outcome of several statements on one connection; nothing when they take longer than one may. The connection
    /// is the caller's to give up then.
    pub async fn within<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        timeout(self.limit, work).await.ok()
    }
}

impl<'p> Executor<'p> for Timely<'p> {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, sqlx::Result<Either<PgQueryResult, PgRow>>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let rows = async move {
            let mut connection = self.pool.acquire().await?;
            let fetching = connection.fetch_many(query).try_collect::<Vec<_>>();
            match timeout(self.limit, fetching).await {
                Ok(rows) => Ok(stream::iter(rows?).map(Ok)),
                Err(_) => {
                    drop(connection.detach());
                    Err(sqlx::Error::PoolTimedOut)
                }
            }
        };
        rows.try_flatten_stream().boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<PgRow>>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let rows = self.fetch_many(query);
        rows.try_fold(None, async |first: Option<PgRow>, step| Ok(first.or(step.right()))).boxed()
    }

    fn prepare_with<'e, 'q: 'e>(
        self,
        sql: &'q str,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, sqlx::Result<PgStatement<'q>>>
    where
        'p: 'e,
    {
        self.pool.prepare_with(sql, parameters)
    }

    fn describe<'e, 'q: 'e>(self, sql: &'q str) -> BoxFuture<'e, sqlx::Result<Describe<Postgres>>>
    where
        'p: 'e,
    {
        self.pool.describe(sql)
    }
}
