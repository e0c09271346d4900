use std::time::Duration;

use schema::Invalid;
use serde::Deserialize;

/// How followers run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FollowerConfig {
    /// How long a follower stays with its node after that was heard of last, in milliseconds; 1,000 to 60,000. Another
    /// node takes over after it. Key `followers.lease_ms`.
    pub lease_ms: u64,
    /// How often a node is heard of, in milliseconds; 10 to a third of the lease. Key `followers.heartbeat_ms`.
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
    /// Every value that breaks its rule, with its key and the rule.
    #[must_use]
    pub fn wrong(&self) -> Vec<Invalid> {
        [
            ("followers.lease_ms", self.lease_ms, 1_000, 60_000),
            ("followers.heartbeat_ms", self.heartbeat_ms, 10, self.lease_ms / 3),
            ("followers.idle_checkpoint_ms", self.idle_checkpoint_ms, 10, 1_000),
            ("followers.linger_ms", self.linger_ms, 0, 1_000),
            ("followers.batch_events", self.batch_events.into(), 100, 20_000),
            ("followers.retry_cap_ms", self.retry_cap_ms, 100, 60_000),
        ]
        .into_iter()
        .filter_map(|(key, value, least, most)| Invalid::unless_within(key, value, least, most))
        .collect()
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_within_their_ranges() {
        assert_eq!(FollowerConfig::default().wrong(), vec![]);
    }

    #[test]
    fn each_value_out_of_its_range_is_named() {
        let fine = FollowerConfig::default();
        let wrong = [
            (
                FollowerConfig { lease_ms: 60_001, ..fine },
                "lease_ms: \"60001\" must be 1000 to 60000",
            ),
            (
                FollowerConfig { heartbeat_ms: 1_001, ..fine },
                "heartbeat_ms: \"1001\" must be 10 to 1000",
            ),
            (
                FollowerConfig { idle_checkpoint_ms: 9, ..fine },
                "idle_checkpoint_ms: \"9\" must be 10 to 1000",
            ),
            (FollowerConfig { linger_ms: 1_001, ..fine }, "linger_ms: \"1001\" must be 0 to 1000"),
            (
                FollowerConfig { batch_events: 99, ..fine },
                "batch_events: \"99\" must be 100 to 20000",
            ),
            (
                FollowerConfig { retry_cap_ms: 99, ..fine },
                "retry_cap_ms: \"99\" must be 100 to 60000",
            ),
        ];
        for (config, expected) in wrong {
            let said: Vec<_> = config.wrong().iter().map(ToString::to_string).collect();
            assert_eq!(said, [format!("followers.{expected}")]);
        }
    }
}
