use async_graphql::SimpleObject;
use followers::FollowerStatus;
use schema::Position;

use crate::graphql::scalars::{Count, LogPosition};

/// How far the log is, and how far behind its readers are.
#[derive(Clone, Debug, SimpleObject)]
pub struct LogStatus {
    /// The position up to which the log is complete.
    pub head: LogPosition,
    /// The position that every read model has reached.
    pub read_at: LogPosition,
    /// All that read the log from a checkpoint.
    pub followers: Vec<Follower>,
}

/// A reader of the log.
#[derive(Clone, Debug, SimpleObject)]
pub struct Follower {
    /// Its name.
    pub name: String,
    /// The last event it has applied.
    pub position: LogPosition,
    /// Positions from there to the head; numbers may be missing, so it is an upper bound of events.
    pub lag: Count,
    /// Milliseconds since it had nothing left to apply; 0 when it has nothing now.
    pub lag_ms: Count,
    /// Events applied since it began.
    pub events_applied: Count,
    /// How fast it lately was.
    pub events_per_second: f64,
    /// The node that runs it, or ran it last.
    pub node: Option<String>,
    /// Whether that node's lease holds.
    pub is_running: bool,
    /// Milliseconds since that node was heard of.
    pub heartbeat_age_ms: Option<Count>,
    /// The event it stands still at, if it does.
    pub poison_position: Option<LogPosition>,
    /// Whether it waits for something to be mended, and tries again by itself; `/readyz` tells operators what.
    pub is_waiting: bool,
}

impl LogStatus {
    /// The log as it stands at `head`.
    #[must_use]
    pub fn new(head: Position, read_at: Position, followers: Vec<FollowerStatus>) -> Self {
        let followers = followers.into_iter().map(Follower::from).collect();
        Self { head: LogPosition(head), read_at: LogPosition(read_at), followers }
    }
}

impl From<FollowerStatus> for Follower {
    fn from(status: FollowerStatus) -> Self {
        Self {
            name: status.name,
            position: LogPosition(status.position),
            lag: Count(status.lag),
            lag_ms: Count(status.lag_ms),
            events_applied: Count(status.events_applied),
            events_per_second: status.events_per_second,
            node: status.node,
            is_running: status.is_running,
            heartbeat_age_ms: status.heartbeat_age_ms.map(Count),
            poison_position: status.poison.map(|poison| LogPosition(poison.position)),
            is_waiting: status.trouble.is_some(),
        }
    }
}
