use async_graphql::{ID, SimpleObject};
use history::Hold;

use crate::graphql::fault::Fault;
use crate::graphql::nodes::Decision;
use crate::graphql::scalars::{Count, Instant, Json, LogPosition};
use crate::graphql::words::SubscriptionState;

/// Who was subscribed to a report at a moment.
#[derive(Clone, Debug, SimpleObject)]
pub struct Subscribers {
    /// To which report.
    pub report: ID,
    /// The position it was read at.
    pub position: LogPosition,
    /// When the last event up to there was taken.
    pub recorded_at: Instant,
    /// The instant that pauses and grants were judged by: the one asked about, or that of the position.
    pub at: Instant,
    /// In the order of recipients, each with all its subscriptions that had not ended.
    pub subscribers: Vec<Subscriber>,
    /// Behind whom the next page begins; none: these are the last.
    pub next_after: Option<ID>,
}

/// A subscription that spoke of a report.
#[derive(Clone, Debug, SimpleObject)]
pub struct Subscriber {
    /// Whose.
    pub recipient: ID,
    /// Which.
    pub subscription: ID,
    /// As a member of which group; it was the recipient's own, when absent.
    pub group: Option<ID>,
    /// The version it stood at.
    pub version: Count,
    /// Whether it held: active or paused.
    pub state: SubscriptionState,
    /// Until when it held back; until resumed, when absent.
    pub paused_until: Option<Instant>,
    /// Which versions: `{report, attributes}`.
    pub selector: Json,
    /// The grant by which the recipient might have it; none: it would not have been planned.
    pub grant: Option<ID>,
}

/// Why a recipient got a report version, or did not.
#[derive(Clone, Debug, SimpleObject)]
pub struct Why {
    /// What was read, at least.
    pub position: LogPosition,
    /// When the last event up to there was taken.
    pub recorded_at: Instant,
    /// The run that planned the version.
    pub distribution: ID,
    /// When the version came in.
    pub received_at: Instant,
    /// The answer as a person reads it: a sentence for each decision, or one that says what was so.
    pub sentences: Vec<String>,
    /// One for each of the recipient's subscriptions that was considered.
    pub decisions: Vec<Decision>,
    /// When none was: what was so then.
    pub unconsidered: Option<Unconsidered>,
}

/// What was so of a recipient that a plan did not look at.
#[derive(Clone, Debug, SimpleObject)]
pub struct Unconsidered {
    /// The part of the plan in which its place is; none: the plan had not come there.
    pub slice: Option<Count>,
    /// The position that part was read at.
    pub read_at: LogPosition,
    /// Whether it was registered then: unknown, active or retired.
    pub recipient: &'static str,
    /// The grant by which it could have had the report then.
    pub grant: Option<ID>,
    /// All its subscriptions then, ended ones included.
    pub subscriptions: Vec<HeldSubscription>,
}

/// A subscription as it stood then.
#[derive(Clone, Debug, SimpleObject)]
pub struct HeldSubscription {
    /// Which.
    pub subscription: ID,
    /// As a member of which group; it was the recipient's own, when absent.
    pub group: Option<ID>,
    /// The version it stood at.
    pub version: Count,
    /// What it selected; it had ended, when absent.
    pub selects: Option<String>,
}

impl Subscribers {
    /// What the log said.
    ///
    /// # Errors
    /// Internal, when a selector cannot be written.
    pub fn of(found: history::Subscribed) -> Result<Self, Fault> {
        let subscribers = found.subscribers.into_iter().map(Subscriber::of);
        Ok(Self {
            report: found.report.to_string().into(),
            position: LogPosition(found.as_of.position),
            recorded_at: Instant(found.as_of.recorded_at),
            at: Instant(found.as_of.at),
            subscribers: subscribers.collect::<Result<_, _>>()?,
            next_after: found.next_after.map(|next| next.to_string().into()),
        })
    }
}

impl Subscriber {
    fn of(one: history::Subscriber) -> Result<Self, Fault> {
        let unwritable = |_| Fault::internal("a selector cannot be written as JSON");
        let state = match one.state {
            Hold::Active => SubscriptionState::Active,
            Hold::Paused => SubscriptionState::Paused,
        };
        Ok(Self {
            recipient: one.recipient.to_string().into(),
            subscription: one.subscription.to_string().into(),
            group: one.group.map(|group| group.to_string().into()),
            version: Count(one.version.into()),
            state,
            paused_until: one.paused_until.map(Instant),
            selector: Json(serde_json::to_value(&one.selector).map_err(unwritable)?),
            grant: one.grant.map(|grant| grant.to_string().into()),
        })
    }
}

impl From<history::Why> for Why {
    fn from(why: history::Why) -> Self {
        let decisions = why.decisions.iter().map(|decision| Decision::logged(&why, decision));
        Self {
            position: LogPosition(why.as_of.position),
            recorded_at: Instant(why.as_of.recorded_at),
            distribution: why.distribution.to_string().into(),
            received_at: Instant(why.received_at),
            sentences: why.sentences(),
            decisions: decisions.collect(),
            unconsidered: why.unconsidered.map(Unconsidered::from),
        }
    }
}

impl From<history::Unconsidered> for Unconsidered {
    fn from(told: history::Unconsidered) -> Self {
        let held = |one: history::Held| HeldSubscription {
            subscription: one.subscription.to_string().into(),
            group: one.group.map(|group| group.to_string().into()),
            version: Count(one.version.into()),
            selects: one.selects,
        };
        Self {
            slice: told.slice.map(|slice| Count(slice.into())),
            read_at: LogPosition(told.read_at),
            recipient: told.recipient.as_str(),
            grant: told.grant.map(|grant| grant.to_string().into()),
            subscriptions: told.subscriptions.into_iter().map(held).collect(),
        }
    }
}
