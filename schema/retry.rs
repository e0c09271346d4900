use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When to try again, as data: exponential backoff with full jitter ("Exponential Backoff And Jitter", AWS Architecture
/// Blog, 2015). The n-th retry waits a random time between 0 and min(`cap_ms`, `base_ms` · 2ⁿ⁻¹).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RetrySchedule {
    /// Upper bound of the first wait, in milliseconds.
    pub base_ms: u64,
    /// Upper bound of any wait, in milliseconds.
    pub cap_ms: u64,
    /// Attempts in all, the first included; at least 1.
    pub attempt_limit: u32,
    /// How long a Retry-After is believed at most, in milliseconds.
    pub retry_after_cap_ms: u64,
    /// How often an attempt in doubt is tried again before it is held for a person.
    pub doubt_limit: u32,
}
