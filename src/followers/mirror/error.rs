use rdkafka::error::KafkaError;
use schema::{CodecError, Position};
use store::StoreError;

use super::difference::Place;

/// Why the mirror does not go on. It tries again by itself.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// The brokers are away, or refused.
    #[error("Kafka: {0}; the ledger and deliveries go on, the mirror catches up")]
    Kafka(#[from] KafkaError),
    /// The ledger is away.
    #[error("the ledger: {0}")]
    Ledger(#[from] StoreError),
    /// An event's metadata cannot be read.
    #[error("an event cannot be told: {0}")]
    Event(#[from] CodecError),
    /// We are to stop.
    #[error("the thread that speaks to Kafka was called off")]
    CalledOff,
    /// The brokers are there, but too slow.
    #[error("Kafka did not take the events within {seconds} s; the mirror tries again")]
    TooSlow {
        /// How long they were waited for.
        seconds: u64,
    },
    /// A topic was made with another number of partitions.
    #[error(
        "topic {topic} has {found} partitions, mirror.partitions is {wanted}: with another number the events of one \
         stream would lie in two partitions, out of order. Set mirror.partitions to {found}, or give mirror.name \
         another value to mirror the log anew"
    )]
    OtherPartitions {
        /// Which topic.
        topic: String,
        /// How many it has.
        found: usize,
        /// How many it should have.
        wanted: i32,
    },
    /// A topic that was written to is not there.
    #[error(
        "topic {topic} is gone, and the mirror had written to it. Bring it back from a copy, or give mirror.name \
         another value to mirror the log anew"
    )]
    TopicGone {
        /// Which topic.
        topic: String,
    },
    /// A topic ends before what was written to it.
    #[error(
        "partition {partition} of topic {topic} ends at offset {found}, and the mirror had written up to {known}: the \
         topic was made anew, or has lost its end. Bring it back from a copy, or give mirror.name another value to \
         mirror the log anew"
    )]
    EndLost {
        /// Which topic.
        topic: String,
        /// Which of its partitions.
        partition: i32,
        /// Where it ends.
        found: i64,
        /// Where it ended.
        known: i64,
    },
    /// There is no checkpoint on Kafka, and Postgres knows of one.
    #[error(
        "topic {topic} names no position, and this ledger was mirrored up to {known}: it was made anew, or these are \
         other brokers. Bring it back from a copy, or give mirror.name another value to mirror the log anew"
    )]
    CheckpointLost {
        /// The topic of checkpoints.
        topic: String,
        /// What Postgres knows.
        known: Position,
    },
    /// The checkpoint on Kafka is older than what Postgres knows.
    #[error(
        "topic {topic} says that events up to {found} were mirrored, this ledger that it was {known}: the topic has \
         lost its end, or these are other brokers. Bring it back from a copy, or give mirror.name another value to \
         mirror the log anew"
    )]
    CheckpointOld {
        /// The topic of checkpoints.
        topic: String,
        /// What it says.
        found: Position,
        /// What Postgres knows.
        known: Position,
    },
    /// The checkpoint on Kafka cannot be read.
    #[error("topic {topic} holds a checkpoint that cannot be read: {source}")]
    CheckpointDamaged {
        /// The topic of checkpoints.
        topic: String,
        /// Why.
        source: serde_json::Error,
    },
    /// An event of a kind that this program does not know.
    #[error(
        "event {position} is of a stream of kind {kind}, which this program does not know: a newer one wrote it, and \
         must mirror it"
    )]
    UnknownKind {
        /// Which event.
        position: Position,
        /// Of which kind its stream is.
        kind: String,
    },
    /// There is nothing to compare or to bring back.
    #[error(
        "topic {topic} holds no checkpoint: nothing was mirrored under this mirror.name, or these are other brokers"
    )]
    NothingMirrored {
        /// The topic of checkpoints.
        topic: String,
    },
    /// The mirror's own topics are its own.
    #[error("topic {topic} is the mirror's own: name another one")]
    OwnTopic {
        /// Which.
        topic: String,
    },
    /// A topic that nobody has begun to fill holds records.
    #[error(
        "topic {topic} holds records, and no backfill of this mirror.name has written there: name a topic that is \
         empty or not there yet"
    )]
    NotEmpty {
        /// Which.
        topic: String,
    },
    /// A topic was begun to be filled with other events.
    #[error(
        "topic {topic} was begun {begun}, and now it is to be filled {asked}: say the same again, or name another topic"
    )]
    OtherOrder {
        /// Which.
        topic: String,
        /// With what it was begun.
        begun: String,
        /// What is asked for.
        asked: String,
    },
    /// A record that the mirror of this ledger would not have written.
    #[error("the record at {place} is foreign: {why}; see `waybill mirror verify`")]
    Foreign {
        /// Where it is.
        place: Place,
        /// What is wrong with it.
        why: String,
    },
    /// The ledger is not an older state of what was mirrored.
    #[error(
        "event {position}, the ledger's last, is not the one that was mirrored there: something was appended after the \
         backup was restored. Restore the backup again and bring the events back before anything else is done"
    )]
    Diverged {
        /// Where the ledger ends.
        position: Position,
    },
    /// What the ledger lacks may be among what retention has taken.
    #[error(
        "{place} is where the partition begins, behind event {head}, the ledger's last: retention may have taken \
         events that the ledger lacks"
    )]
    Retention {
        /// Where the partition begins.
        place: Place,
        /// Where the ledger ends.
        head: Position,
    },
    /// The mirror is further than the ledger, or of another one.
    #[error(
        "the ledger does not hold the event at {position} that was mirrored last: an older backup was restored, or \
         this is another database; see `waybill recover list`"
    )]
    OtherLedger {
        /// The mirror's checkpoint.
        position: Position,
    },
}
