//! Mail that came back, handed in by a mail server on this machine (LMTP, RFC 2033): one answer per recipient, and 250
//! only once what the message says is recorded.

mod lines;
mod session;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::ReturnDesk;
use crate::config::LmtpBind;
use session::Session;

/// Conversations at once, at most: each may hold a whole message.
const CONVERSATIONS: usize = 8;

/// Where LMTP is listened for.
pub struct Lmtp {
    listener: Listener,
    desk: Arc<ReturnDesk>,
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

impl Lmtp {
    /// Listens at `returns.lmtp_bind`, if that is configured. A socket that a process of before left behind is removed.
    ///
    /// # Errors
    /// When it cannot be listened there.
    pub async fn open(desk: &Arc<ReturnDesk>) -> io::Result<Option<Self>> {
        let bind = desk.config().lmtp().map_err(|wrong| io::Error::other(wrong.to_string()))?;
        let listener = match bind {
            None => return Ok(None),
            Some(LmtpBind::Tcp(address)) => Listener::Tcp(TcpListener::bind(address).await?),
            Some(LmtpBind::Unix(path)) => {
                remove_dead(&path).await?;
                Listener::Unix(UnixListener::bind(&path)?, path)
            }
        };
        Ok(Some(Self { listener, desk: Arc::clone(desk) }))
    }

    /// The port listened on; nothing for a Unix socket.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match &self.listener {
            Listener::Tcp(listener) => listener.local_addr().ok().map(|address| address.port()),
            Listener::Unix(..) => None,
        }
    }

    /// Holds conversations until `stop`; those under way then end with the command they are at.
    ///
    /// # Errors
    /// When nobody can be listened to any more.
    pub async fn run(self, stop: CancellationToken) -> io::Result<()> {
        let places = Arc::new(Semaphore::new(CONVERSATIONS));
        let mut conversations = JoinSet::new();
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
            let held = match &self.listener {
                Listener::Tcp(listener) => {
                    let Some(next) = stop.run_until_cancelled(listener.accept()).await else {
                        break;
                    };
                    next.map(|(stream, _)| self.converse(stream, &stop, place, &mut conversations))
                }
                Listener::Unix(listener, _) => {
                    let Some(next) = stop.run_until_cancelled(listener.accept()).await else {
                        break;
                    };
                    next.map(|(stream, _)| self.converse(stream, &stop, place, &mut conversations))
                }
            };
            if let Err(error) = held {
                warn!(%error, "a mail server could not be listened to: {error}");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            while conversations.try_join_next().is_some() {}
        }
        conversations.join_all().await;
        if let Listener::Unix(_, path) = &self.listener {
            tokio::fs::remove_file(path).await?;
        }
        Ok(())
    }

    fn converse(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        stop: &CancellationToken,
        place: tokio::sync::OwnedSemaphorePermit,
        conversations: &mut JoinSet<()>,
    ) {
        let (desk, stop) = (Arc::clone(&self.desk), stop.clone());
        conversations.spawn(async move {
            if let Err(error) = Session::new(stream, desk).run(&stop).await {
                debug!(%error, "a conversation by LMTP broke off: {error}");
            }
            drop(place);
        });
    }
}

/// Removes a socket that nobody listens on.
async fn remove_dead(path: &PathBuf) -> io::Result<()> {
    match tokio::net::UnixStream::connect(path).await {
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there")),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            tokio::fs::remove_file(path).await
        }
        Err(_) => Ok(()),
    }
}
