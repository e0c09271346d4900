//! When to try again. Knows no clock and no chance: the failed attempt, its time and a random draw come in.

use std::collections::BTreeMap;

use schema::{ChannelKind, RetrySchedule, Timestamp};

const SECOND_MS: u64 = 1000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;

/// Twelve tries spread over some hours. A receiver that keeps to Standard Webhooks drops a repeated webhook-id, so
/// doubt costs nothing and never holds a delivery while tries are left.
const WEBHOOK: RetrySchedule = RetrySchedule {
    base_ms: 5 * SECOND_MS,
    cap_ms: HOUR_MS,
    attempt_limit: 12,
    retry_after_cap_ms: HOUR_MS,
    doubt_limit: 12,
};

/// Greylisting wants minutes, a full mailbox hours (RFC 5321 §4.5.4.1). A mail in doubt is sent once more: the same
/// Message-ID makes most mailboxes show it once; beyond that a person decides.
const MAIL: RetrySchedule = RetrySchedule {
    base_ms: MINUTE_MS,
    cap_ms: 4 * HOUR_MS,
    attempt_limit: 10,
    retry_after_cap_ms: 4 * HOUR_MS,
    doubt_limit: 1,
};

/// An entry fails only while something of this installation's own is away. It is there once, however often it is tried:
/// doubt costs nothing.
const INBOX: RetrySchedule = RetrySchedule {
    base_ms: SECOND_MS,
    cap_ms: 5 * MINUTE_MS,
    attempt_limit: 50,
    retry_after_cap_ms: 5 * MINUTE_MS,
    doubt_limit: 50,
};

/// What a channel's deliveries are planned with when nothing else is configured.
#[must_use]
pub const fn default_schedule(channel: ChannelKind) -> RetrySchedule {
    match channel {
        ChannelKind::Mail => MAIL,
        ChannelKind::Webhook => WEBHOOK,
        ChannelKind::Inbox => INBOX,
    }
}

/// The retry schedule of each channel. A channel that is not named has its [`default_schedule`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedules(BTreeMap<ChannelKind, RetrySchedule>);

impl Schedules {
    /// The schedule of `channel`.
    #[must_use]
    pub fn of(&self, channel: ChannelKind) -> RetrySchedule {
        self.0.get(&channel).copied().unwrap_or(default_schedule(channel))
    }
}

impl FromIterator<(ChannelKind, RetrySchedule)> for Schedules {
    fn from_iter<I: IntoIterator<Item = (ChannelKind, RetrySchedule)>>(schedules: I) -> Self {
        Self(schedules.into_iter().collect())
    }
}

/// When the try after `attempt` (from 1) is due: full jitter over the exponential bound, but not before the other
/// side's Retry-After, which is believed up to the schedule's cap and spread over one `base_ms`, so that all who were
/// told the same do not come back at the same instant.
#[must_use]
pub fn next_try(
    schedule: &RetrySchedule,
    attempt: u32,
    retry_after_ms: Option<u64>,
    now: Timestamp,
    draw: u64,
) -> Timestamp {
    let backoff_ms = scale(draw, bound_ms(schedule, attempt));
    let asked_ms = retry_after_ms.map_or(0, |asked_ms| {
        asked_ms.min(schedule.retry_after_cap_ms).saturating_add(scale(draw, schedule.base_ms))
    });
    now.plus_ms(backoff_ms.max(asked_ms))
}

/// min(`cap_ms`, `base_ms` · 2ⁿ⁻¹)
fn bound_ms(schedule: &RetrySchedule, attempt: u32) -> u64 {
    let factor = 1_u64.checked_shl(attempt.saturating_sub(1)).unwrap_or(u64::MAX);
    schedule.base_ms.saturating_mul(factor).min(schedule.cap_ms)
}

/// Maps a draw over all of `u64` evenly to 0..=`bound`.
fn scale(draw: u64, bound: u64) -> u64 {
    ((u128::from(draw) * (u128::from(bound) + 1)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_micros(1_000_000);

    fn wait_ms(attempt: u32, retry_after_ms: Option<u64>, draw: u64) -> i64 {
        next_try(&WEBHOOK, attempt, retry_after_ms, NOW, draw).micros_since(NOW) / 1000
    }

    #[test]
    fn the_bound_doubles_until_the_cap() {
        let bounds = [1, 2, 3, 10, 11, 12, 64, 65, u32::MAX].map(|n| wait_ms(n, None, u64::MAX));
        let hour = 3_600_000;
        assert_eq!(bounds, [5_000, 10_000, 20_000, 2_560_000, hour, hour, hour, hour, hour]);
    }

    #[test]
    fn the_wait_is_drawn_from_nothing_to_the_bound() {
        assert_eq!(wait_ms(1, None, 0), 0);
        assert_eq!(wait_ms(1, None, u64::MAX / 2), 2_500);
    }

    #[test]
    fn a_retry_after_is_never_undercut() {
        assert_eq!(wait_ms(1, Some(30_000), 0), 30_000);
        assert_eq!(wait_ms(1, Some(30_000), u64::MAX), 35_000);
        assert_eq!(wait_ms(5, Some(1_000), u64::MAX), 80_000);
    }

    #[test]
    fn a_retry_after_is_believed_up_to_its_cap() {
        assert_eq!(wait_ms(1, Some(u64::MAX), 0), 3_600_000);
    }

    #[test]
    fn a_channel_without_a_schedule_has_its_default() {
        let own = RetrySchedule { attempt_limit: 3, ..MAIL };
        let schedules = Schedules::from_iter([(ChannelKind::Mail, own)]);
        assert_eq!(schedules.of(ChannelKind::Mail), own);
        assert_eq!(schedules.of(ChannelKind::Webhook), WEBHOOK);
    }
}
