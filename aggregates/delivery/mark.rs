//! What a recipient may do with an entry of its inbox, once it is there.

use schema::events::{AnsweredVia, EntryMark, Evidence};
use schema::{ChannelKind, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Closed, Delivery, Event, Outcome, Refusal};

/// An entry may be put off for so many days: well within the time it is shown at all.
pub const MAX_SNOOZE_DAYS: u64 = 30;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// What the recipient did with its entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Looked at it.
    pub read: bool,
    /// Took note of it.
    pub acknowledged: bool,
    /// Wants to see it from then on; may have passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snoozed_until: Option<Timestamp>,
}

impl Entry {
    /// Whether nothing was done with it.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        *self == Self::default()
    }

    pub(super) const fn evolve(&mut self, mark: EntryMark) {
        match mark {
            EntryMark::Read => self.read = true,
            EntryMark::Acknowledged => (self.read, self.acknowledged) = (true, true),
            EntryMark::Snoozed { until } => self.snoozed_until = Some(until),
            EntryMark::Unsnoozed => self.snoozed_until = None,
        }
    }

    fn is_news(&self, mark: EntryMark, now: Timestamp) -> bool {
        match mark {
            EntryMark::Read => !self.read,
            EntryMark::Acknowledged => !self.acknowledged,
            EntryMark::Snoozed { until } => self.snoozed_until != Some(until),
            EntryMark::Unsnoozed => self.snoozed_until.is_some_and(|until| now < until),
        }
    }
}

pub(super) fn mark(
    delivery: &Delivery,
    mark: EntryMark,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    if !served(delivery)?.entry.is_news(mark, now) {
        return Ok(vec![]);
    }
    if let EntryMark::Snoozed { until } = mark {
        may_be_snoozed(until, now)?;
    }
    Ok(vec![Event::EntryMarked { mark }])
}

/// Who is asked in the inbox has the entry there.
pub(super) fn may_be_answered(delivery: &Delivery, evidence: &Evidence) -> Result<(), Refusal> {
    match evidence {
        Evidence::OnTimeAnswered { via: AnsweredVia::Inbox, .. } => served(delivery).map(drop),
        _ => Ok(()),
    }
}

/// The delivery that put the entry there.
fn served(delivery: &Delivery) -> Result<&Closed, Refusal> {
    let channel = delivery.plan().ok_or(Refusal::NotScheduled)?.channel;
    if channel != ChannelKind::Inbox {
        return Err(Refusal::NotInInbox { channel });
    }
    let Delivery::Closed(closed) = delivery else { return Err(Refusal::NotClosed) };
    match closed.outcome {
        Outcome::Delivered | Outcome::Accepted => Ok(closed),
        outcome => Err(Refusal::NotServed { outcome }),
    }
}

fn may_be_snoozed(until: Timestamp, now: Timestamp) -> Result<(), Refusal> {
    if until <= now {
        return Err(Refusal::SnoozeOver { until });
    }
    let latest = now.plus_ms(MAX_SNOOZE_DAYS * DAY_MS);
    if until > latest {
        return Err(Refusal::SnoozeTooLong { until, latest });
    }
    Ok(())
}
