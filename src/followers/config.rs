use std::time::Duration;

use serde::Deserialize;

/// How followers run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FollowerConfig {
    /// How long a follower stays with its node after that was heard of last, in milliseconds; 1,000 to 60,000. Another
    /// node takes over after it. Key `followers.lease_ms`.
    pub lease_ms: u64,
    /// How often a node is heard of, in milliseconds; at most a third of the lease. Key `followers.heartbeat_ms`.
    pub heartbeat_ms: u64,
    /// How long a checkpoint may lag behind events that do not concern its follower, in milliseconds; 10 to 1,000. Key
    /// `followers.idle_checkpoint_ms`.
    pub idle_checkpoint_ms: u64,
    /// Pause after a transaction while much is going on, so that the next one is worth its cost, in milliseconds; 0 to
    /// 1,000. Key `followers.linger_ms`.
    pub linger_ms: u64,
    /// Events in a transaction, at most; 100 to 20,000. Key `followers.batch_events`.
    pub batch_events: u32,
    /// Longest pause between tries while the database is away, in milliseconds; 100 to 60,000. Key
    /// `followers.retry_cap_ms`.
    pub retry_cap_ms: u64,
}

impl Default for FollowerConfig {
    fn default() -> Self {
        Self {
            lease_ms: 3_000,
            heartbeat_ms: 500,
            idle_checkpoint_ms: 100,
            linger_ms: 25,
            batch_events: 4_000,
            retry_cap_ms: 5_000,
        }
    }
}

impl FollowerConfig {
    pub(crate) const fn heartbeat(&self) -> Duration {
        Duration::from_millis(self.heartbeat_ms)
    }

    pub(crate) const fn linger(&self) -> Duration {
        Duration::from_millis(self.linger_ms)
    }

    pub(crate) const fn idle_checkpoint(&self) -> Duration {
        Duration::from_millis(self.idle_checkpoint_ms)
    }
}
