use rdkafka::error::KafkaError;
use schema::{CodecError, Position};
use store::StoreError;

/// Why the mirror does not go on. It tries again by itself.
#[derive(Debug, thiserror::Error)]
pub(super) enum MirrorError {
    #[error("Kafka: {0}; the ledger and deliveries go on, the mirror catches up")]
    Kafka(#[from] KafkaError),
    #[error("the ledger: {0}")]
    Ledger(#[from] StoreError),
    #[error("an event cannot be told: {0}")]
    Event(#[from] CodecError),
    #[error("the thread that speaks to Kafka was called off")]
    CalledOff,
    #[error("Kafka did not take the events within {seconds} s; the mirror tries again")]
    TooSlow { seconds: u64 },
    #[error(
        "topic {topic} has {found} partitions, mirror.partitions is {wanted}: with another number the events of one \
         stream would lie in two partitions, out of order. Set mirror.partitions to {found}, or give mirror.name \
         another value to mirror the log anew"
    )]
    OtherPartitions { topic: String, found: usize, wanted: i32 },
    #[error(
        "topic {topic} is gone, and the mirror had written to it. Bring it back from a copy, or give mirror.name \
         another value to mirror the log anew"
    )]
    TopicGone { topic: String },
    #[error(
        "partition {partition} of topic {topic} ends at offset {found}, and the mirror had written up to {known}: the \
         topic was made anew, or has lost its end. Bring it back from a copy, or give mirror.name another value to \
         mirror the log anew"
    )]
    EndLost { topic: String, partition: i32, found: i64, known: i64 },
    #[error(
        "topic {topic} names no position, and this ledger was mirrored up to {known}: it was made anew, or these are \
         other brokers. Bring it back from a copy, or give mirror.name another value to mirror the log anew"
    )]
    CheckpointLost { topic: String, known: Position },
    #[error(
        "topic {topic} says that events up to {found} were mirrored, this ledger that it was {known}: the topic has \
         lost its end, or these are other brokers. Bring it back from a copy, or give mirror.name another value to \
         mirror the log anew"
    )]
    CheckpointOld { topic: String, found: Position, known: Position },
    #[error("topic {topic} holds a checkpoint that cannot be read: {source}")]
    CheckpointDamaged { topic: String, source: serde_json::Error },
    #[error(
        "event {position} is of a stream of kind {kind}, which this program does not know: a newer one wrote it, and \
         must mirror it"
    )]
    UnknownKind { position: Position, kind: String },
}
