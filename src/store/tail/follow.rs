use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, gauge, histogram};
use schema::{Position, Sha256, Timestamp};
use secrecy::ExposeSecret;
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::holders::{HOLDER_KINDS, describe, kind_of, log_holders, still_there};
use super::{Batch, Blocked, Holder, Replaced, queries};
use crate::ledger::Announcer;
use crate::{Ledger, LogIdentity, LogRow, StoreError, TailConfig, connect};

/// Between looks at whether a holder has ended.
const HOLDER_POLL: Duration = Duration::from_millis(1);
/// The same, for holders that take long.
const SLOW_HOLDER_POLL: Duration = Duration::from_millis(10);
/// Between tries to reach a database that is away.
const RECONNECT_PAUSE: Duration = Duration::from_millis(200);
/// How long a statement may take before its connection counts as lost.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// The tail's loop.
pub(super) struct Follow {
    options: PgConnectOptions,
    announcer: Arc<Announcer>,
    connection: Option<PgConnection>,
    config: TailConfig,
    /// The last row handed on. Never the sequence's value: after a crash numbers that nobody saw are used again.
    cursor: i64,
    /// Its hash: a log that does not hold it is another one.
    cursor_hash: Option<Sha256>,
    /// Whether the log behind this connection was seen to hold it.
    is_proven: bool,
    /// The sequence's value up to which the cursor has looked.
    seen: i64,
    batches: broadcast::Sender<Arc<Batch>>,
    head: watch::Sender<Position>,
    blocked: watch::Sender<Option<Blocked>>,
    replaced: watch::Sender<Option<Replaced>>,
}

impl Follow {
    pub fn new(
        ledger: &Ledger,
        config: TailConfig,
        batches: broadcast::Sender<Arc<Batch>>,
        head: watch::Sender<Position>,
        blocked: watch::Sender<Option<Blocked>>,
        replaced: watch::Sender<Option<Replaced>>,
    ) -> Result<Self, StoreError> {
        let url = ledger.config.url.expose_secret();
        let options = connect::by_index(connect::options(url, "waybill-tail")?);
        Ok(Self {
            options,
            announcer: Arc::clone(&ledger.announcer),
            connection: None,
            config,
            cursor: 0,
            cursor_hash: None,
            is_proven: true,
            seen: 0,
            batches,
            head,
            blocked,
            replaced,
        })
    }

    /// Places the cursor at the log's end, once everything before it is settled.
    pub async fn find_end(&mut self, stop: &CancellationToken) -> Result<(), StoreError> {
        let value = {
            let connection = self.connected().await?;
            queries::last_value(connection).await?
        };
        self.wait_for_holders(stop).await?;
        let connection = self.connected().await?;
        let cursor = queries::last_until(connection, value).await?;
        self.cursor_hash = hash_at(connection, cursor).await?;
        self.cursor = cursor;
        self.seen = value;
        self.head.send_replace(Position(self.cursor));
        Ok(())
    }

    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if self.replaced.borrow().is_some() {
                // What comes now is not what follows what was handed on.
                stop.cancelled().await;
                break;
            }
            let pause = match self.poll(&stop).await {
                Ok(true) => Duration::from_millis(self.config.busy_ms),
                Ok(false) => Duration::from_millis(self.config.idle_ms),
                Err(error) => {
                    warn!(error = %error, "the tail lost its connection and tries again");
                    self.connection = None;
                    self.is_proven = false;
                    // A crashed server may give out numbers again that nobody saw, up to the very same value.
                    self.seen = self.cursor;
                    RECONNECT_PAUSE
                }
            };
            self.pause(pause, &stop).await;
        }
    }

    /// Waits, but not for long once this process has appended something.
    async fn pause(&self, pause: Duration, stop: &CancellationToken) {
        let busy = pause.min(Duration::from_millis(self.config.busy_ms));
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(busy) => {}
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.announcer.appended.notified() => {}
            () = sleep(pause - busy) => {}
        }
    }

    /// One round; `true` when it found something. Three statements, each a transaction of its own: the first one takes
    /// the very lock that the second waits for.
    async fn poll(&mut self, stop: &CancellationToken) -> Result<bool, StoreError> {
        let connection = self.connected().await?;
        let value = timely(queries::last_value(connection)).await?;
        if (!self.is_proven || value < self.cursor) && !self.prove().await? {
            return Ok(false);
        }
        if value == self.seen {
            return Ok(false);
        }
        if !self.wait_for_holders(stop).await? {
            return Ok(false);
        }
        self.read_through(value).await?;
        self.seen = value;
        Ok(true)
    }

    /// Whether the log still holds the last row handed on. After a crash the sequence may stand lower than it did, but
    /// no event that was committed is gone; in a restored backup, or another log, it is.
    async fn prove(&mut self) -> Result<bool, StoreError> {
        let cursor = self.cursor;
        let found = timely(hash_at(self.connected().await?, cursor)).await?;
        self.is_proven = found == self.cursor_hash;
        if let Some(event_hash) = self.cursor_hash
            && !self.is_proven
        {
            error!(
                log.position = cursor,
                "the log does not hold event {cursor} any more: it is another log"
            );
            self.replaced.send_replace(Some(Replaced { position: Position(cursor), event_hash }));
        }
        Ok(self.is_proven)
    }

    /// Waits until every transaction that now holds the sequence has ended; `false` when told to stop first.
    async fn wait_for_holders(&mut self, stop: &CancellationToken) -> Result<bool, StoreError> {
        let began = Instant::now();
        let limit = Duration::from_millis(self.config.blocked_after_ms);
        let connection = self.connected().await?;
        let mut waited_for = timely(log_holders(connection)).await?;
        while !waited_for.is_empty() {
            let slow = began.elapsed() > limit;
            if slow {
                self.report(&waited_for, began).await?;
            }
            if stop.is_cancelled() {
                return Ok(false);
            }
            sleep(if slow { SLOW_HOLDER_POLL } else { HOLDER_POLL }).await;
            let connection = self.connected().await?;
            waited_for = still_there(&waited_for, timely(log_holders(connection)).await?);
        }
        histogram!("waybill_tail_wait_seconds").record(began.elapsed().as_secs_f64());
        if self.blocked.borrow().is_some() {
            self.blocked.send_replace(None);
            HOLDER_KINDS.iter().for_each(|kind| blocked_seconds(kind, 0.0));
        }
        Ok(true)
    }

    async fn report(
        &mut self,
        holders: &HashSet<Holder>,
        began: Instant,
    ) -> Result<(), StoreError> {
        for kind in HOLDER_KINDS {
            let any = holders.iter().any(|holder| kind_of(holder) == kind);
            blocked_seconds(kind, if any { began.elapsed().as_secs_f64() } else { 0.0 });
        }
        let connection = self.connected().await?;
        let holders = timely(describe(connection, holders)).await?;
        let known = self.blocked.borrow().as_ref().map(|blocked| blocked.since);
        let since = match known {
            Some(since) => since,
            None => {
                warn!("the log's end is held up by {}", holders.join("; "));
                let now = timely(queries::now(self.connected().await?)).await?;
                let waited = i64::try_from(began.elapsed().as_micros()).unwrap_or_default();
                Timestamp::from_unix_micros(Timestamp::from(now).unix_micros() - waited)
            }
        };
        self.blocked.send_replace(Some(Blocked { since, holders }));
        Ok(())
    }

    /// Hands on every row up to `value`, in windows by range. An empty window moves the window, not the cursor.
    async fn read_through(&mut self, value: i64) -> Result<(), StoreError> {
        let mut from = self.cursor;
        while from < value {
            let to = value.min(from.saturating_add(i64::from(self.config.window.max(1))));
            let connection = self.connected().await?;
            let rows = timely(queries::window(connection, from, to)).await?;
            from = to;
            let Some(last) = rows.last().map(|row| row.position) else { continue };
            let rows: Vec<LogRow> = rows.into_iter().map(LogRow::from).collect();
            self.cursor_hash = rows.last().map(LogIdentity::hash);
            counter!("waybill_tail_events_total").increment(rows.len() as u64);
            let (after, through) = (Position(self.cursor), Position(last));
            self.cursor = last;
            // The head first: whoever subscribes in between gets these rows twice, not never.
            self.head.send_replace(through);
            // Nobody may be listening: then the batch is dropped.
            drop(self.batches.send(Arc::new(Batch { rows, after, through })));
            gauge!("waybill_log_head").set(last as f64);
        }
        Ok(())
    }

    async fn connected(&mut self) -> Result<&mut PgConnection, StoreError> {
        if self.connection.is_none() {
            let mut connection = timely(self.options.connect()).await?;
            if timely(queries::is_standby(&mut connection)).await? {
                return Err(StoreError::Standby);
            }
            self.connection = Some(connection);
        }
        self.connection.as_mut().ok_or(StoreError::Closed)
    }
}

fn blocked_seconds(holder: &'static str, seconds: f64) {
    gauge!("waybill_tail_blocked_seconds", "holder" => holder).set(seconds);
}

/// Hash of the event at a position, if there is one.
async fn hash_at(connection: &mut PgConnection, position: i64) -> sqlx::Result<Option<Sha256>> {
    let rows = queries::window(connection, position - 1, position).await?;
    Ok(rows.into_iter().next().map(|row| LogIdentity::hash(&LogRow::from(row))))
}

async fn timely<T>(statement: impl Future<Output = sqlx::Result<T>>) -> Result<T, StoreError> {
    let answer = timeout(STATEMENT_TIMEOUT, statement).await;
    Ok(answer.unwrap_or(Err(sqlx::Error::PoolTimedOut))?)
}
