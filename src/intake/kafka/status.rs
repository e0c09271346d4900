use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Whether reports come in by Kafka at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KafkaReadiness {
    /// They do.
    Ready,
    /// They do not; REST and deliveries go on.
    NotReady {
        /// Why, for the operator.
        reason: String,
    },
}

/// What is known of it, shared between the client's threads and readiness.
#[derive(Clone, Debug, Default)]
pub(super) struct Status(Arc<Mutex<Facts>>);

#[derive(Debug, Default)]
struct Facts {
    is_connected: bool,
    /// What the client last complained about.
    client: Option<String>,
    /// What keeps messages from being answered.
    work: Option<String>,
    has_ended: bool,
}

impl Status {
    pub(super) fn connected(&self, is_connected: bool) {
        self.facts().is_connected = is_connected;
    }

    pub(super) fn client_trouble(&self, reason: Option<String>) {
        self.facts().client = reason;
    }

    pub(super) fn work_trouble(&self, reason: Option<String>) {
        self.facts().work = reason;
    }

    pub(super) fn ended(&self) {
        self.facts().has_ended = true;
    }

    pub(super) fn readiness(&self) -> KafkaReadiness {
        let facts = self.facts();
        let reason = if facts.has_ended {
            Some("stopped")
        } else if !facts.is_connected {
            Some("no broker can be reached")
        } else {
            facts.client.as_deref().or(facts.work.as_deref())
        };
        match reason {
            Some(reason) => KafkaReadiness::NotReady { reason: reason.to_owned() },
            None => KafkaReadiness::Ready,
        }
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
