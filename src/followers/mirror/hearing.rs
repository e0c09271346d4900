use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

/// Reads the mirror's topics.
pub(super) type Reader = BaseConsumer<Hearing>;

/// What a reader is told besides records. That a partition has come to its end is what it asked for, and no trouble.
pub(super) struct Hearing;

impl ClientContext for Hearing {
    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::PartitionEOF) {
            tracing::warn!(%error, reason, "kafka client that reads the mirror");
        }
    }
}

impl ConsumerContext for Hearing {}
