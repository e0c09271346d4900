use std::path::PathBuf;

use analytics::Limits;
use schema::Invalid;
use serde::Deserialize;

/// How questions are answered. Section `analytics`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnalyticsConfig {
    /// The program that holds DuckDB; `waybill-duckdb` beside this one, when absent. Key `analytics.program`.
    pub program: Option<PathBuf>,
    /// Memory of one question, in MiB; 64 to 65,536. Key `analytics.memory_mb`.
    pub memory_mb: u32,
    /// Threads of one question; 1 to 256. Key `analytics.threads`.
    pub threads: u32,
    /// How long a question may take, in milliseconds; 100 to 600,000. Key `analytics.timeout_ms`.
    pub timeout_ms: u64,
    /// Rows of an answer; 1 to 100,000. Key `analytics.rows`.
    pub rows: u32,
    /// Questions answered at a time; 1 to 64. More wait. Key `analytics.at_once`.
    pub at_once: usize,
    /// Events beyond the export that a question may take from the log; 1,000 to 5,000,000. Key
    /// `analytics.unexported_events`.
    pub unexported_events: u64,
}

impl Default for AnalyticsConfig {
    fn default() -> Self {
        Self {
            program: None,
            memory_mb: 1_024,
            threads: 2,
            timeout_ms: 30_000,
            rows: 10_000,
            at_once: 2,
            unexported_events: 500_000,
        }
    }
}

impl AnalyticsConfig {
    /// Every value that breaks its rule, with its key and the rule.
    #[must_use]
    pub fn wrong(&self) -> Vec<Invalid> {
        [
            ("analytics.memory_mb", self.memory_mb.into(), 64, 65_536),
            ("analytics.threads", self.threads.into(), 1, 256),
            ("analytics.timeout_ms", self.timeout_ms, 100, 600_000),
            ("analytics.rows", self.rows.into(), 1, 100_000),
            ("analytics.at_once", self.at_once as u64, 1, 64),
            ("analytics.unexported_events", self.unexported_events, 1_000, 5_000_000),
        ]
        .into_iter()
        .filter_map(|(key, value, least, most)| Invalid::unless_within(key, value, least, most))
        .collect()
    }

    pub(crate) const fn limits(&self) -> Limits {
        Limits { memory_mb: self.memory_mb, threads: self.threads, rows: self.rows }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_within_their_ranges_and_a_wrong_value_is_named() {
        assert_eq!(AnalyticsConfig::default().wrong(), vec![]);
        let wrong = AnalyticsConfig { memory_mb: 1, at_once: 0, ..AnalyticsConfig::default() };
        let said: Vec<_> = wrong.wrong().iter().map(ToString::to_string).collect();
        let expected = [
            "analytics.memory_mb: \"1\" must be 64 to 65536",
            "analytics.at_once: \"0\" must be 1 to 64",
        ];
        assert_eq!(said, expected);
    }
}
