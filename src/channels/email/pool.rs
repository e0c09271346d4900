use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lettre::transport::smtp::commands::{Quit, Rset};
use schema::{ChannelError, FailureClass};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};

use super::EmailConfig;
use super::connect::Connector;
use super::session::Session;

/// How long a good-bye to an idle connection takes at most.
const QUIT_TIMEOUT: Duration = Duration::from_millis(500);

/// At most `pool_size` sessions with the relay, the one used last first.
pub struct Pool {
    connector: Connector,
    permits: Semaphore,
    idle: Mutex<Vec<Session>>,
    idle_limit: Duration,
    check_idle_after: Duration,
    command_timeout: Duration,
    mails_per_connection: u32,
}

impl Pool {
    pub fn new(config: &EmailConfig, connector: Connector) -> Self {
        Self {
            connector,
            permits: Semaphore::new(config.pool_size),
            idle: Mutex::new(Vec::with_capacity(config.pool_size)),
            idle_limit: Duration::from_millis(config.idle_limit_ms),
            check_idle_after: Duration::from_millis(config.check_idle_after_ms),
            command_timeout: Duration::from_millis(config.command_timeout_ms),
            mails_per_connection: config.mails_per_connection,
        }
    }

    /// The right to use one session.
    pub async fn permit(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, ChannelError> {
        match timeout_at(deadline, self.permits.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(ChannelError::not_sent(FailureClass::Transient, "smtp.pool_busy")),
        }
    }

    /// A session from before that still answers, or none.
    pub async fn idle_session(&self, deadline: Instant) -> Option<Session> {
        loop {
            let mut session = self.idle().pop()?;
            let idle_for = session.last_used.elapsed();
            if idle_for >= self.idle_limit {
                continue;
            }
            if !session.needs_reset && idle_for < self.check_idle_after {
                return Some(session);
            }
            let answered_by = deadline.min(Instant::now() + self.command_timeout);
            let reset = timeout_at(answered_by, session.connection.command(Rset)).await;
            if matches!(reset, Ok(Ok(_))) {
                session.needs_reset = false;
                return Some(session);
            }
        }
    }

    /// A session just opened.
    pub async fn open(&self, deadline: Instant) -> Result<Session, ChannelError> {
        self.connector.open(deadline).await
    }

    /// Keeps a session for the next mail. Called while its permit is still held.
    pub fn keep(&self, mut session: Session) {
        if session.mail_count < self.mails_per_connection {
            session.last_used = Instant::now();
            self.idle().push(session);
        }
    }

    /// Says good-bye on every idle connection.
    pub async fn close(&self) {
        let idle = std::mem::take(&mut *self.idle());
        for mut session in idle {
            // Whether the relay answers a good-bye changes nothing.
            let _ = timeout(QUIT_TIMEOUT, session.connection.command(Quit)).await;
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        // Held for a push or pop only: a panic cannot leave the list half changed.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
