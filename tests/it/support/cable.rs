use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A TCP line to a neighbour that can be cut: what runs over it breaks off, and nothing new comes through. Or held:
/// what is said goes nowhere, and nobody is told.
pub struct Cable {
    /// Its near end.
    pub address: SocketAddr,
    line: Arc<Mutex<CancellationToken>>,
    is_held: watch::Sender<bool>,
    stop: CancellationToken,
}

impl Cable {
    /// Lays one from a free loopback port to `far`, as `host:port`.
    pub async fn to(far: String) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let cable = Self {
            address: listener.local_addr().unwrap(),
            line: Arc::default(),
            is_held: watch::Sender::new(false),
            stop: CancellationToken::new(),
        };
        let (line, is_held) = (Arc::clone(&cable.line), cable.is_held.subscribe());
        let carrying = carry(listener, far, line, is_held);
        tokio::spawn(cable.stop.clone().run_until_cancelled_owned(carrying));
        cable
    }

    /// Cuts it.
    pub fn cut(&self) {
        self.line.lock().unwrap().cancel();
    }

    /// Holds it.
    pub fn hold(&self) {
        self.is_held.send_replace(true);
    }

    /// Mends it: what was held goes on.
    pub fn mend(&self) {
        *self.line.lock().unwrap() = CancellationToken::new();
        self.is_held.send_replace(false);
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.cut();
        self.stop.cancel();
    }
}

async fn carry(
    listener: TcpListener,
    far: String,
    line: Arc<Mutex<CancellationToken>>,
    is_held: watch::Receiver<bool>,
) {
    loop {
        let Ok((near, _)) = listener.accept().await else { continue };
        let (far, is_held) = (far.clone(), is_held.clone());
        let line = line.lock().unwrap().clone();
        tokio::spawn(line.run_until_cancelled_owned(async move {
            let far = TcpStream::connect(far).await?;
            near.set_nodelay(true)?;
            far.set_nodelay(true)?;
            let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
            let there = one_way(from_near, to_far, is_held.clone());
            tokio::try_join!(there, one_way(from_far, to_near, is_held))
        }));
    }
}

async fn one_way(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut is_held: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut bytes).await?;
        // The cable is gone with its test.
        is_held.wait_for(|is_held| !is_held).await.map_err(std::io::Error::other)?;
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(&bytes[..count]).await?;
    }
}
