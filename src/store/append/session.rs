use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tokio::time::{sleep, timeout};

/// How long making a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Between looks at whether a lost backend has ended.
const LOST_POLL: Duration = Duration::from_millis(10);

/// A server process, told from a later one with the same pid by its start.
#[derive(Clone, Copy, Debug)]
struct Backend {
    pid: i32,
    started: DateTime<Utc>,
}

/// One writer's connection. Remembers the server processes it lost, because one may still be committing: they are
/// ended before anybody looks at what they wrote.
pub(super) struct Session {
    options: PgConnectOptions,
    open: Option<(PgConnection, Backend)>,
    lost: Vec<Backend>,
}

impl Session {
    pub const fn new(options: PgConnectOptions) -> Self {
        Self { options, open: None, lost: Vec::new() }
    }

    /// The open connection, or a new one. When it returns, no lost process is left.
    pub async fn connection(&mut self) -> sqlx::Result<&mut PgConnection> {
        if self.open.is_none() || !self.lost.is_empty() {
            let ready = timeout(CONNECT_TIMEOUT, self.reconnect()).await;
            ready.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
        }
        self.open.as_mut().map(|(connection, _)| connection).ok_or(sqlx::Error::PoolTimedOut)
    }

    /// Gives the connection up as lost.
    pub fn lose(&mut self) {
        if let Some((connection, backend)) = self.open.take() {
            drop(connection);
            self.lost.push(backend);
        }
    }

    async fn reconnect(&mut self) -> sqlx::Result<()> {
        if self.open.is_none() {
            let mut connection = self.options.connect().await?;
            let backend = backend(&mut connection).await?;
            self.open = Some((connection, backend));
        }
        let Some((connection, _)) = self.open.as_mut() else { return Ok(()) };
        while let Some(lost) = self.lost.last().copied() {
            while !ended(connection, lost).await? {
                sleep(LOST_POLL).await;
            }
            self.lost.pop();
        }
        Ok(())
    }
}

async fn backend(connection: &mut PgConnection) -> sqlx::Result<Backend> {
    let (pid, started) = sqlx::query_as(
        "select pid, backend_start from pg_stat_activity where pid = pg_backend_pid()",
    )
    .fetch_one(connection)
    .await?;
    Ok(Backend { pid, started })
}

/// Asks a process to end; true when it has.
async fn ended(connection: &mut PgConnection, lost: Backend) -> sqlx::Result<bool> {
    let asked: Vec<bool> = sqlx::query_scalar(
        "select pg_terminate_backend(pid) from pg_stat_activity where pid = $1 and backend_start = $2",
    )
    .bind(lost.pid)
    .bind(lost.started)
    .fetch_all(connection)
    .await?;
    Ok(asked.is_empty())
}
