use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// A TCP line to a neighbour that can be cut: what runs over it breaks off, and nothing new comes through.
pub struct Cable {
    /// Its near end.
    pub address: SocketAddr,
    line: Arc<Mutex<CancellationToken>>,
    stop: CancellationToken,
}

impl Cable {
    /// Lays one from a free loopback port to `far`, as `host:port`.
    pub async fn to(far: String) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let cable = Self {
            address: listener.local_addr().unwrap(),
            line: Arc::default(),
            stop: CancellationToken::new(),
        };
        let carrying = carry(listener, far, Arc::clone(&cable.line));
        tokio::spawn(cable.stop.clone().run_until_cancelled_owned(carrying));
        cable
    }

    /// Cuts it.
    pub fn cut(&self) {
        self.line.lock().unwrap().cancel();
    }

    /// Mends it.
    pub fn mend(&self) {
        *self.line.lock().unwrap() = CancellationToken::new();
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.cut();
        self.stop.cancel();
    }
}

async fn carry(listener: TcpListener, far: String, line: Arc<Mutex<CancellationToken>>) {
    loop {
        let Ok((mut near, _)) = listener.accept().await else { continue };
        let (far, line) = (far.clone(), line.lock().unwrap().clone());
        tokio::spawn(line.run_until_cancelled_owned(async move {
            let mut far = TcpStream::connect(far).await?;
            near.set_nodelay(true)?;
            far.set_nodelay(true)?;
            copy_bidirectional(&mut near, &mut far).await
        }));
    }
}
