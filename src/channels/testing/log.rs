use std::io;
use std::sync::{Arc, Mutex};

use tracing::Instrument;
use tracing::instrument::WithSubscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl io::Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Memory {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Everything logged at any level while `work` ran, with the libraries' talkative targets off as in the product.
pub async fn captured<T>(work: impl Future<Output = T>) -> (T, String) {
    let memory = Memory::default();
    let mut filter = "trace".to_owned();
    for target in crate::TALKATIVE_TARGETS {
        filter.push_str(&format!(",{target}=off"));
    }
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(memory.clone())
        .finish();
    let observed = async {
        tracing::trace!("the log is on");
        work.await
    };
    let value = observed.in_current_span().with_subscriber(subscriber).await;
    let log = String::from_utf8(memory.0.lock().unwrap().clone()).unwrap();
    (value, log)
}
