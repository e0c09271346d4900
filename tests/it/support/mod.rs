//! What every test stands on: databases of its own, the real program as a process, its public API, the other sides
//! with their own records. It knows how to ask, not what should be answered.

mod api;
mod cable;
mod hook;
mod ledger;
mod mails;
mod mirrored;
mod node;
mod own_server;
mod scene;
mod topics;
mod walled;

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

pub use api::{Answer, Api, answer};
pub use cable::Cable;
pub use hook::{Hook, Received};
pub use mails::{Mail, mail_of};
pub use node::Node;
pub use own_server::{OwnServer, Whereabouts};
pub use scene::{Ended, Scene, bare, run};
pub use topics::{Topics, report_message};
pub use walled::files;

/// How long what must happen may take on a loaded machine.
pub const SOON: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A variable that the test's servers are known by.
#[expect(clippy::disallowed_methods, reason = "a test is told of its servers by the environment")]
pub fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run this by `make test`"))
}

/// A client that gives up an idle connection before the node does (`api.header_timeout_ms`): a request written just
/// then would get no answer.
pub fn http() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy();
    builder.pool_idle_timeout(Duration::from_secs(5)).build().unwrap()
}

/// Asks until there is an answer.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(started.elapsed() < SOON, "{what}: not within {SOON:?}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// A loopback address where nobody listens.
pub fn nobody() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap()
}
