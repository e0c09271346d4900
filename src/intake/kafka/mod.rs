//! Reports by Kafka: read by a consumer group, several at once, each answered durably before its offset is committed.
//! What can never be taken goes to the topic of rejected messages with the reason and its original bytes. Knows no
//! HTTP.

mod client;
mod message;
mod offsets;
mod rejected;
mod run;
mod status;
mod work;

use std::collections::HashMap;
use std::sync::Arc;

use rdkafka::producer::FutureProducer;
use schema::{Invalid, TenantId};

pub use client::{client, ensure_topics, missing_topics};
pub use message::MAX_INLINE_BYTES;
pub use status::KafkaReadiness;

use crate::{Intake, KafkaConfig};
use offsets::Partition;
use status::Status;

/// Why reports cannot be read from Kafka at all.
#[derive(Debug, thiserror::Error)]
pub enum KafkaIntakeError {
    /// A value of the configuration breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The client library does not accept the configuration.
    #[error("kafka: {0}")]
    Client(#[from] rdkafka::error::KafkaError),
}

/// Reads reports from Kafka.
pub struct KafkaIntake {
    config: KafkaConfig,
    intake: Arc<Intake>,
    status: Status,
    producer: FutureProducer,
    tenants: HashMap<Arc<str>, TenantId>,
}

impl KafkaIntake {
    /// A reader of the topics of `config`. Connects when it runs; the brokers need not be there yet.
    ///
    /// # Errors
    /// [`KafkaIntakeError`] naming what is wrong with the configuration.
    pub fn try_new(config: KafkaConfig, intake: Arc<Intake>) -> Result<Self, KafkaIntakeError> {
        config.check()?;
        let tenants = config.topics.iter();
        let tenants = tenants.map(|topic| (Arc::from(topic.topic.as_str()), topic.tenant.clone()));
        Ok(Self {
            intake,
            status: Status::default(),
            producer: client::producer(&config)?,
            tenants: tenants.collect(),
            config,
        })
    }

    /// Whether reports come in by Kafka at this moment, and if not, why.
    #[must_use]
    pub fn readiness(&self) -> KafkaReadiness {
        self.status.readiness()
    }
}
