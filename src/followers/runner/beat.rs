use std::time::Duration;

use schema::Position;
use sqlx::PgConnection;
use tokio::time::{sleep, timeout};

use crate::FollowerError;
use crate::checkpoint::queries;

/// Another node runs the follower now.
#[derive(Debug)]
pub(super) struct Fenced;

/// How long a transaction may take before its connection counts as lost: as long as the longest lease.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Postgres may be gone without a word.
pub(super) async fn timely<T, E: Into<FollowerError>>(
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, FollowerError> {
    match timeout(ANSWER_WITHIN, answer).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(late) => Err(FollowerError::again(late)),
    }
}

/// What a node says to keep its lease.
pub(super) struct Beat {
    pub name: String,
    pub epoch: i64,
    /// The log's end, as last known.
    pub head: Position,
    /// Events per second, of late.
    pub rate: f64,
    pub lease_ms: i64,
}

impl Beat {
    /// Says "still here"; true while the follower is marked as standing still.
    pub(super) async fn strike(
        &self,
        conn: &mut PgConnection,
    ) -> Result<Result<bool, Fenced>, FollowerError> {
        let Self { name, epoch, head, rate, lease_ms } = self;
        let beating = queries::heartbeat(conn, name, *epoch, head.0, *rate, *lease_ms);
        let marked = timely(beating).await?;
        Ok(marked.map(|poison| poison.is_some()).ok_or(Fenced))
    }

    /// The same, over and over, beside work that takes its time elsewhere. Work is dropped when the lease is lost.
    pub(super) async fn beside<T>(
        &self,
        conn: &mut PgConnection,
        every: Duration,
        work: impl Future<Output = Result<T, FollowerError>>,
    ) -> Result<Result<T, Fenced>, FollowerError> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done.map(Ok),
                () = sleep(every) => {}
            }
            if let Err(Fenced) = self.strike(conn).await? {
                return Ok(Err(Fenced));
            }
        }
    }
}
