use analytics::{By, Filter};
use async_graphql::{Enum, ID, InputObject};

use crate::graphql::fault::Fault;
use crate::graphql::scalars::Instant;
use crate::graphql::words::Channel;

/// Rows when nothing is said.
const ROWS: u32 = 100;
/// Rows of one answer at most.
const MOST_ROWS: u32 = 1_000;

/// What a question is narrowed to; absent parts narrow nothing.
#[derive(Clone, Debug, Default, InputObject)]
pub struct AnalyticsFilter {
    /// Not before.
    pub from: Option<Instant>,
    /// Before.
    pub until: Option<Instant>,
    /// Of this report.
    pub report: Option<ID>,
    /// On this channel.
    pub channel: Option<Channel>,
    /// To this destination, a pseudonym.
    pub destination: Option<ID>,
    /// To this recipient, a pseudonym.
    pub recipient: Option<ID>,
}

/// What figures are given for each of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(rename_items = "snake_case")]
pub enum AnalyticsBy {
    /// The channel.
    Channel,
    /// The report.
    Report,
    /// The hour in which deliveries closed.
    Hour,
    /// The destination.
    Destination,
}

pub(super) fn of(filter: Option<AnalyticsFilter>) -> Filter {
    let filter = filter.unwrap_or_default();
    Filter {
        from: filter.from.map(|at| at.0),
        to: filter.until.map(|at| at.0),
        report: filter.report.map(|id| id.0),
        channel: filter.channel.map(|channel| channel.as_str().to_owned()),
        destination: filter.destination.map(|id| id.0),
        recipient: filter.recipient.map(|id| id.0),
    }
}

/// Each once, in the order given.
pub(super) fn by(asked: Vec<AnalyticsBy>) -> Vec<By> {
    let mut by = Vec::new();
    for one in asked {
        let one = match one {
            AnalyticsBy::Channel => By::Channel,
            AnalyticsBy::Report => By::Report,
            AnalyticsBy::Hour => By::Hour,
            AnalyticsBy::Destination => By::Destination,
        };
        if !by.contains(&one) {
            by.push(one);
        }
    }
    by
}

pub(super) fn first_of(first: Option<u32>) -> Result<u32, Fault> {
    let first = first.unwrap_or(ROWS);
    if (1..=MOST_ROWS).contains(&first) {
        return Ok(first);
    }
    Err(Fault::bad_input(format!("first: \"{first}\" must be 1 to {MOST_ROWS}")))
}
