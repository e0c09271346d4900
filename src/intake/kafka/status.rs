use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

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
    /// What the client last complained about, if it was not the line to a broker.
    client: Option<String>,
    /// What the line to a broker last broke off with: over once the brokers answer.
    line: Option<String>,
    /// Which topics are missing.
    missing: Option<String>,
    /// What keeps messages from being answered.
    work: Option<String>,
    has_ended: bool,
}

impl Status {
    /// The brokers answered, or did not.
    pub(super) fn connected(&self, is_connected: bool) {
        let mut facts = self.facts();
        facts.is_connected = is_connected;
        if is_connected {
            facts.line = None;
        }
    }

    pub(super) fn trouble(&self, error: &KafkaError) {
        let mut facts = self.facts();
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AllBrokersDown) => facts.is_connected = false,
            // The watch over the topics says which.
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {}
            Some(
                RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::Resolve
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::RequestTimedOut
                | RDKafkaErrorCode::NetworkException,
            ) => facts.line = Some(error.to_string()),
            _ => facts.client = Some(error.to_string()),
        }
    }

    /// Partitions were assigned, or a message was read.
    pub(super) fn works(&self) {
        let mut facts = self.facts();
        (facts.is_connected, facts.client, facts.line) = (true, None, None);
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
            let troubles = [&facts.missing, &facts.client, &facts.line, &facts.work];
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

#[cfg(test)]
mod tests {
    use super::*;

    fn consumption(code: RDKafkaErrorCode) -> KafkaError {
        KafkaError::MessageConsumption(code)
    }

    #[test]
    fn a_line_that_broke_off_is_forgotten_once_the_brokers_answer_though_no_message_comes() {
        let status = Status::default();
        status.works();
        status.trouble(&consumption(RDKafkaErrorCode::BrokerTransportFailure));
        assert!(matches!(status.readiness(), KafkaReadiness::NotReady { .. }));
        status.connected(true);
        assert_eq!(status.readiness(), KafkaReadiness::Ready);
    }

    #[test]
    fn what_a_broker_refuses_stays_until_something_is_read_or_assigned() {
        let status = Status::default();
        status.works();
        status.trouble(&consumption(RDKafkaErrorCode::GroupAuthorizationFailed));
        status.connected(true);
        assert!(matches!(status.readiness(), KafkaReadiness::NotReady { .. }));
        status.works();
        assert_eq!(status.readiness(), KafkaReadiness::Ready);
    }
}
