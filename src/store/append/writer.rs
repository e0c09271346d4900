use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, histogram};
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

use super::queries::write;
use super::resolve::committed;
use super::session::Session;
use super::split::{Failure, conflict, same};
use super::writers::{Line, Waiting};
use super::{Columns, EventPlace};
use crate::ledger::Announcer;
use crate::{AppendError, StoreError};

/// Between tries to reach a database that is away.
const RECONNECT_PAUSE: Duration = Duration::from_millis(100);
/// Deadlocks in a row before a batch is halved.
const MAX_DEADLOCKS: u32 = 5;

/// One connection and the loop that feeds it.
pub(super) struct Writer {
    pub line: Arc<Line>,
    pub session: Session,
    pub announcer: Arc<Announcer>,
    pub batch_timeout: Duration,
}

impl Writer {
    pub async fn run(mut self) {
        loop {
            if let Err(error) = self.session.connection().await {
                self.session.lose();
                if !self.line.expire(&error) {
                    return;
                }
                sleep(RECONNECT_PAUSE).await;
                continue;
            }
            let Some(mut batch) = self.line.next_batch().await else { return };
            batch.sort_by(|a, b| a.unit.sort_key().cmp(&b.unit.sort_key()));
            self.flush(batch).await;
        }
    }

    /// Writes a batch; where one unit spoils it, halves it until that one is alone.
    async fn flush(&mut self, batch: Vec<Waiting>) {
        histogram!("waybill_append_batch_units").record(batch.len() as f64);
        let mut parts = vec![batch];
        let mut deadlocks = 0;
        while let Some(mut part) = parts.pop() {
            let Err(error) = self.try_write(&mut part).await else { continue };
            match Failure::of(&error) {
                Failure::Deadlock if deadlocks < MAX_DEADLOCKS => {
                    deadlocks += 1;
                    counter!("waybill_append_deadlocks_total").increment(1);
                    parts.push(part);
                }
                Failure::Guilty | Failure::Deadlock if part.len() > 1 => {
                    deadlocks = 0;
                    let later = part.split_off(part.len() / 2);
                    parts.push(later);
                    parts.push(part);
                }
                Failure::Guilty => self.refuse(part, error).await,
                Failure::Lost => {
                    warn!(error = %error, "a batch of {} units lost its connection", part.len());
                    self.session.lose();
                    let rest = self.resolve(part, error).await;
                    if !rest.is_empty() {
                        parts.push(rest);
                    }
                }
                Failure::Refused | Failure::Deadlock => fail_all(part, &error),
            }
        }
    }

    /// Writes a part and answers its callers. On an error it is left as it was.
    async fn try_write(&mut self, part: &mut Vec<Waiting>) -> sqlx::Result<()> {
        let began = Instant::now();
        let connection = self.session.connection().await?;
        let columns = Columns::of(part.iter().map(|waiting| &waiting.unit));
        let written = timeout(self.batch_timeout, write(connection, &columns)).await;
        let places = written.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
        histogram!("waybill_append_batch_seconds").record(began.elapsed().as_secs_f64());
        counter!("waybill_events_appended_total").increment(places.len() as u64);
        let mut places = places.as_slice();
        for waiting in part.drain(..) {
            let (own, others) = places.split_at(waiting.unit.payloads.len().min(places.len()));
            places = others;
            self.answer(waiting, own);
        }
        Ok(())
    }

    fn answer(&self, waiting: Waiting, places: &[EventPlace]) {
        let appended = waiting.unit.recorded(places);
        self.announcer.announce(&appended.events);
        // Whoever no longer waits has gone: the unit is durable all the same.
        drop(waiting.answer.send(Ok(appended)));
    }

    async fn refuse(&mut self, part: Vec<Waiting>, error: sqlx::Error) {
        let Some(waiting) = part.into_iter().next() else { return };
        let refusal = match self.session.connection().await {
            Ok(connection) => conflict(connection, &waiting.unit, error).await,
            Err(_) => AppendError::Rejected(error),
        };
        drop(waiting.answer.send(Err(refusal)));
    }

    /// Finds out what became of a part whose commit nobody saw: answers what is there, returns what is not.
    async fn resolve(&mut self, mut part: Vec<Waiting>, mut error: sqlx::Error) -> Vec<Waiting> {
        loop {
            match self.look(&part).await {
                Ok(answers) => {
                    let mut rest = Vec::new();
                    for (waiting, places) in part.into_iter().zip(answers) {
                        match places {
                            Some(places) => self.answer(waiting, &places),
                            None => rest.push(waiting),
                        }
                    }
                    return self.give_up(rest, &error);
                }
                Err(again) => {
                    self.session.lose();
                    error = again;
                    part = self.give_up(part, &error);
                    if part.is_empty() {
                        return part;
                    }
                    sleep(RECONNECT_PAUSE).await;
                }
            }
        }
    }

    async fn look(&mut self, part: &[Waiting]) -> sqlx::Result<Vec<Option<Vec<EventPlace>>>> {
        let connection = self.session.connection().await?;
        let looked = committed(connection, part.iter().map(|waiting| &waiting.unit));
        timeout(self.batch_timeout, looked).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    /// Answers those who have waited long enough; returns the others.
    fn give_up(&self, part: Vec<Waiting>, error: &sqlx::Error) -> Vec<Waiting> {
        let (over, waiting): (Vec<_>, Vec<_>) =
            part.into_iter().partition(|waiting| self.line.is_over(waiting.since));
        fail_all(over, error);
        waiting
    }
}

fn fail_all(part: Vec<Waiting>, error: &sqlx::Error) {
    for waiting in part {
        let error: StoreError = same(error);
        drop(waiting.answer.send(Err(error.into())));
    }
}
