use async_graphql::{ID, InputObject, SimpleObject};
use projections::deliveries::health::BUCKETS_MS;
use projections::deliveries::{HealthFilter, HealthRow};
use schema::TenantId;

use crate::graphql::fault::Fault;
use crate::graphql::scalars::{Count, Instant};
use crate::graphql::words::Channel;

/// Minutes in one span at most: a day.
const MAX_SPAN_MINUTES: u32 = 1_440;
/// Days asked for at most.
const MAX_DAYS: i64 = 31;
const DAY_US: i64 = 86_400_000_000;

/// Ended attempts of one result to one destination in one span of time.
#[derive(Clone, Debug, SimpleObject)]
pub struct ChannelHealth {
    /// On which channel.
    pub channel: Channel,
    /// Where sends end up, as a pseudonym.
    pub destination: ID,
    /// When the span begins.
    pub since: Instant,
    /// How long it is.
    pub minutes: u32,
    /// `succeeded`, or the class of the failure.
    pub result: String,
    /// How many attempts.
    pub attempts: Count,
    /// Time until the answer, summed, in microseconds.
    pub elapsed_us: Count,
    /// Attempts by time until the answer. Those that sent nothing are in none.
    pub answered: Vec<AnswerTimes>,
}

/// Attempts answered within a time, and not within the next smaller one.
#[derive(Clone, Debug, SimpleObject)]
pub struct AnswerTimes {
    /// Upper bound in milliseconds; none for all that took longer.
    pub within_ms: Option<Count>,
    /// How many attempts.
    pub count: Count,
}

impl ChannelHealth {
    /// A row of spans of `minutes`.
    ///
    /// # Errors
    /// Internal, when the channel has no name here.
    pub fn of(row: HealthRow, minutes: u32) -> Result<Self, Fault> {
        let bounds = BUCKETS_MS.iter().map(|bound| i64::try_from(*bound).ok()).chain([None]);
        let answered = bounds.zip(row.answered).map(|(within_ms, count)| AnswerTimes {
            within_ms: within_ms.map(Count),
            count: Count(count),
        });
        Ok(Self {
            channel: Channel::read(&row.channel)?,
            destination: row.destination.into(),
            since: row.since.into(),
            minutes,
            result: row.result,
            attempts: Count(row.attempts),
            elapsed_us: Count(row.elapsed_us),
            answered: answered.collect(),
        })
    }
}

/// Which attempts.
#[derive(Clone, Debug, InputObject)]
pub struct ChannelHealthFilter {
    /// Ended in this minute or later.
    pub from: Instant,
    /// Ended before this minute; at most 31 days after `from`.
    pub until: Instant,
    /// Only on this channel.
    pub channel: Option<Channel>,
    /// Only to this destination.
    pub destination: Option<ID>,
    /// Minutes added up into one row, 1 to 1,440, counted from 1970.
    #[graphql(default = 1)]
    pub every_minutes: u32,
}

impl ChannelHealthFilter {
    /// The same question of one tenant's read model.
    ///
    /// # Errors
    /// Bad input when the range or the span is out of bounds.
    pub fn of(self, tenant: &TenantId) -> Result<HealthFilter, Fault> {
        let span = self.until.0.micros_since(self.from.0);
        if !(1..=MAX_DAYS * DAY_US).contains(&span) {
            return Err(Fault::bad_input(format!(
                "until must be after from, by {MAX_DAYS} days at most"
            )));
        }
        if !(1..=MAX_SPAN_MINUTES).contains(&self.every_minutes) {
            return Err(Fault::bad_input(format!("everyMinutes must be 1 to {MAX_SPAN_MINUTES}")));
        }
        Ok(HealthFilter {
            tenant: tenant.to_string(),
            from: self.from.0.to_chrono(),
            until: self.until.0.to_chrono(),
            channel: self.channel.map(|channel| channel.as_str().to_owned()),
            destination: self.destination.map(|destination| destination.0),
            every_minutes: self.every_minutes,
        })
    }
}
