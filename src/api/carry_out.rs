//! From a request to an appended unit: load, check If-Match, decide, append; and once more when someone was faster. The
//! state that If-Match is compared with is the one decided on, so it cannot be passed by.

use std::fmt::Display;

use aggregates::{Decider, fold};
use schema::events::{
    ApiKeyEvent, DistributionEvent, GroupEvent, RecipientEvent, ReportEvent, SubscriptionEvent,
    TenantEvent,
};
use schema::{EventBody, LedgerEvent, Metadata, Position, Sha256, StreamId};
use serde_json::{Map, Value};
use store::{AddressChange, Append, AppendError, CommandOutcome, CommandRecord, Unit};

use crate::change::Change;
use crate::error::{ApiError, Code};
use crate::outcome::{Done, Outcome};
use crate::state::ApiState;

/// How often a change is decided anew because someone else was faster.
const MAX_CONFLICTS: u32 = 8;

/// An event of one kind, out of any.
pub trait Picked: EventBody + Into<LedgerEvent> {
    /// The event, if it is of this kind.
    fn pick(event: &LedgerEvent) -> Option<&Self>;
}

macro_rules! picked {
    ($($kind:ident($body:ty)),+ $(,)?) => {
        $(impl Picked for $body {
            fn pick(event: &LedgerEvent) -> Option<&Self> {
                if let LedgerEvent::$kind(event) = event { Some(event) } else { None }
            }
        })+
    };
}

picked!(
    Tenant(TenantEvent),
    ApiKey(ApiKeyEvent),
    Report(ReportEvent),
    Recipient(RecipientEvent),
    Group(GroupEvent),
    Subscription(SubscriptionEvent),
    Distribution(DistributionEvent),
);

/// A stream as it stands.
#[derive(Clone, Debug)]
pub struct Loaded<S> {
    /// What its events add up to.
    pub state: S,
    /// Its last sequence; 0 when there is none.
    pub sequence: i64,
    /// Where its last event lies.
    pub position: Position,
}

/// Loads one stream.
///
/// # Errors
/// What the store says.
pub async fn load<D>(api: &ApiState, stream: &StreamId) -> Result<Loaded<D::State>, ApiError>
where
    D: Decider<Event: Picked>,
{
    let events = api.ledger.load_stream(stream, 0).await?;
    let last = events.last();
    let sequence = last.map_or(0, |event| event.sequence);
    let position = last.map_or(Position::START, |event| event.position);
    let state = fold::<D>(events.iter().filter_map(|event| D::Event::pick(&event.event)));
    Ok(Loaded { state, sequence, position })
}

/// What a change is to do.
pub struct Plan<'a> {
    /// To which stream.
    pub stream: StreamId,
    /// What tells the request from another one under its key.
    pub body: &'a [u8],
    /// Written with the events, when there are any.
    pub addresses: Vec<AddressChange>,
    /// Where the resource is found, told when it is made.
    pub location: Option<String>,
}

impl<'a> Plan<'a> {
    /// A change of one stream and nothing else.
    #[must_use]
    pub const fn of(stream: StreamId, body: &'a [u8]) -> Self {
        Self { stream, body, addresses: Vec::new(), location: None }
    }
}

/// Carries a change out. `choose` turns the state into a command; `tell` turns the state after it into the answer.
///
/// # Errors
/// The refusal, or what the world says; then nothing was written.
pub async fn carry_out<D>(
    api: &ApiState,
    change: &Change,
    plan: Plan<'_>,
    choose: impl Fn(&D::State) -> Result<D::Command, ApiError>,
    tell: impl Fn(&D::State) -> Map<String, Value>,
) -> Result<Done, ApiError>
where
    D: Decider<Event: Picked>,
    ApiError: From<D::Refusal>,
{
    let digest = change.digest(api, plan.body).await?;
    if let Some(done) = replay(api, change, &digest).await? {
        return Ok(done);
    }
    for _ in 0..MAX_CONFLICTS {
        let mut loaded = load::<D>(api, &plan.stream).await?;
        change.if_match.check(loaded.sequence)?;
        let before = loaded.sequence;
        let command = choose(&loaded.state)?;
        let events = aggregates::run::<D>(&mut loaded.state, command)?;
        let outcome = outcome(&plan, before, events.len(), tell(&loaded.state));
        let unit = unit(change, &plan, before, events, digest, &outcome);
        if unit.appends.is_empty() && unit.command.is_none() {
            return Ok(Done { outcome, position: loaded.position, replayed: false, secret: None });
        }
        match api.ledger.append(unit).await {
            Ok(appended) => {
                let position = appended.position().unwrap_or(loaded.position);
                return Ok(Done { outcome, position, replayed: false, secret: None });
            }
            Err(AppendError::Conflict { .. }) => {}
            Err(AppendError::CommandSeen { .. }) => {
                return replay(api, change, &digest).await?.ok_or_else(|| vanished(&plan.stream));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(ApiError::new(Code::Overloaded, format!("{} is changed by too many at once", plan.stream)))
}

/// Decides on a stream that no request names, in the name that `choose` gives; and once more when someone was faster.
/// Nothing chosen is nothing to do. Whether anything changed.
///
/// # Errors
/// The refusal, or what the world says; then nothing was written.
pub async fn decide<D>(
    api: &ApiState,
    stream: &StreamId,
    told_as: &(impl Display + ?Sized),
    choose: impl Fn(&D::State) -> Option<(D::Command, Metadata)>,
) -> Result<bool, ApiError>
where
    D: Decider<Event: Picked>,
    ApiError: From<D::Refusal>,
{
    for _ in 0..MAX_CONFLICTS {
        let mut loaded = load::<D>(api, stream).await?;
        let Some((command, metadata)) = choose(&loaded.state) else { return Ok(false) };
        let events = aggregates::run::<D>(&mut loaded.state, command)?;
        if events.is_empty() {
            return Ok(false);
        }
        let events = events.into_iter().map(Into::into).collect();
        let mut unit = Unit::new(metadata);
        unit.appends.push(Append { stream: stream.clone(), expected: loaded.sequence, events });
        match api.ledger.append(unit).await {
            Ok(_) => return Ok(true),
            Err(AppendError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ApiError::new(Code::Overloaded, format!("{told_as} is changed by too many at once")))
}

fn vanished(stream: &StreamId) -> ApiError {
    ApiError::new(Code::Internal, format!("the command log lost a command on {stream}"))
}

fn outcome(plan: &Plan<'_>, before: i64, event_count: usize, body: Map<String, Value>) -> Outcome {
    let made = before == 0 && event_count > 0;
    Outcome {
        status: if made { 201 } else { 200 },
        stream: (plan.stream.aggregate_type, plan.stream.aggregate_id.clone()),
        sequence: Some(before + i64::try_from(event_count).unwrap_or(i64::MAX)),
        location: plan.location.clone().filter(|_| made),
        body,
    }
}

fn unit<E: Picked>(
    change: &Change,
    plan: &Plan<'_>,
    expected: i64,
    events: Vec<E>,
    digest: Sha256,
    outcome: &Outcome,
) -> Unit {
    let mut unit = Unit::new(change.metadata());
    unit.command = change.record(digest, &outcome.text());
    if !events.is_empty() {
        let events = events.into_iter().map(Into::into).collect();
        unit.appends.push(Append { stream: plan.stream.clone(), expected, events });
        unit.addresses.clone_from(&plan.addresses);
    }
    unit
}

/// The first outcome of this request, when its key was used before.
///
/// # Errors
/// [`Code::KeyReused`] when the key stands for another request.
pub async fn replay(
    api: &ApiState,
    change: &Change,
    digest: &Sha256,
) -> Result<Option<Done>, ApiError> {
    let Some(id) = change.command_id() else { return Ok(None) };
    let text = match api.ledger.command(&change.caller.tenant, &id, digest).await? {
        None => return Ok(None),
        Some(CommandOutcome::OtherBody) => {
            let detail = "this Idempotency-Key was used before, for another path or body";
            return Err(ApiError::new(Code::KeyReused, detail).at("Idempotency-Key"));
        }
        Some(CommandOutcome::Seen { outcome }) => outcome,
    };
    let outcome: Outcome = serde_json::from_str(&text).map_err(|error| {
        ApiError::new(Code::Internal, format!("a kept outcome is damaged: {error}"))
    })?;
    let position = position_of(api, &outcome).await?;
    Ok(Some(Done { outcome, position, replayed: true, secret: None }))
}

/// Where an outcome can be read from: at its own event, or, where it does not say which that was, at the head.
async fn position_of(api: &ApiState, outcome: &Outcome) -> Result<Position, ApiError> {
    let Some(sequence) = outcome.sequence else { return Ok(api.ledger.head().await?) };
    let events = api.ledger.load_stream(&outcome.stream(), sequence - 1).await?;
    Ok(events.first().map_or(Position::START, |event| event.position))
}

/// A change that another room carries out, as the command log is to keep it.
#[must_use]
pub fn record_of(
    change: &Change,
    digest: Sha256,
    status: u16,
    stream: &StreamId,
    body: &Map<String, Value>,
) -> (Outcome, Option<CommandRecord>) {
    let outcome = Outcome {
        status,
        stream: (stream.aggregate_type, stream.aggregate_id.clone()),
        sequence: None,
        location: None,
        body: body.clone(),
    };
    let record = change.record(digest, &outcome.text());
    (outcome, record)
}

/// Answers a change that was made of many streams, each in a unit of its own, and keeps the answer under its key.
///
/// # Errors
/// What the world says; what was made stays made.
pub async fn kept(
    api: &ApiState,
    change: &Change,
    digest: Sha256,
    (stream, body): (&StreamId, &Map<String, Value>),
    position: Position,
) -> Result<Done, ApiError> {
    let (outcome, command) = record_of(change, digest, 200, stream, body);
    if command.is_some() {
        let unit = Unit { command, ..Unit::new(change.metadata()) };
        match api.ledger.append(unit).await {
            Err(AppendError::CommandSeen { .. }) => {
                let lost = || ApiError::new(Code::Internal, "the command log lost a command");
                return replay(api, change, &digest).await?.ok_or_else(lost);
            }
            appended => drop(appended?),
        }
    }
    Ok(Done { outcome, position, replayed: false, secret: None })
}
