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
    /// Which topics are missing.
    missing: Option<String>,
    /// What keeps messages from being answered.
    work: Option<String>,
    has_ended: bool,
}

impl Status {
    pub(super) fn connected(&self, is_connected: bool) {
        self.facts().is_connected = is_connected;
    }

    pub(super) fn client_trouble(&self, reason: String) {
        self.facts().client = Some(reason);
    }

    /// Partitions were assigned, or a message was read.
    pub(super) fn works(&self) {
        let mut facts = self.facts();
        (facts.is_connected, facts.client) = (true, None);
    }

    pub(super) fn missing(&self, topics: &[String]) {
        let told = || format!("topics are missing: {}", topics.join(", "));
        self.facts().missing = (!topics.is_empty()).then(told);
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
            let troubles = [&facts.missing, &facts.client, &facts.work];
            troubles.into_iter().flatten().map(String::as_str).next()
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
