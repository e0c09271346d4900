//! The one bridge between pure decisions and cqrs-es. No aggregate implements the framework's traits itself.

use std::fmt;
use std::marker::PhantomData;

use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent};
use schema::EventBody;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The rules of one kind of aggregate, as two functions without effects. Its name in the store is that of its events.
pub trait Decider: Send + Sync + 'static {
    /// What past events add up to.
    type State: Default
        + Clone
        + PartialEq
        + fmt::Debug
        + Serialize
        + DeserializeOwned
        + Send
        + Sync
        + 'static;
    /// What someone wants to happen.
    type Command: Send + 'static;
    /// What has happened.
    type Event: EventBody + 'static;
    /// Why it may not happen.
    type Refusal: std::error::Error + Send + Sync + 'static;

    /// The events that `command` causes in `state`; none when it asks for what is already so.
    ///
    /// # Errors
    /// The rule that forbids it.
    fn decide(
        state: &Self::State,
        command: Self::Command,
    ) -> Result<Vec<Self::Event>, Self::Refusal>;

    /// Folds one event into `state`. Holds no rule and cannot fail: the past is not up for debate.
    fn evolve(state: &mut Self::State, event: &Self::Event);
}

/// Decides and folds in one step, for callers that carry the state along and append for themselves. A refusal leaves
/// the state as it was.
///
/// # Errors
/// The rule that forbids it.
pub fn run<D: Decider>(
    state: &mut D::State,
    command: D::Command,
) -> Result<Vec<D::Event>, D::Refusal> {
    let events = D::decide(state, command)?;
    for event in &events {
        D::evolve(state, event);
    }
    Ok(events)
}

/// The state that `events` add up to, in their order.
pub fn fold<'e, D: Decider>(events: impl IntoIterator<Item = &'e D::Event>) -> D::State {
    let mut state = D::State::default();
    for event in events {
        D::evolve(&mut state, event);
    }
    state
}

/// An event as cqrs-es wants to see it; its bytes are the event's own. `schema` knows no cqrs-es, and the trait may be
/// implemented for foreign types only here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent, bound = "")]
pub struct Fact<E: EventBody>(pub E);

impl<E: EventBody> DomainEvent for Fact<E> {
    fn event_type(&self) -> String {
        self.0.event_type().to_owned()
    }

    fn event_version(&self) -> String {
        self.0.event_version().to_owned()
    }
}

/// A [`Decider`] seen as a cqrs-es aggregate.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Decided<D: Decider>(D::State, PhantomData<fn() -> D>);

impl<D: Decider> Decided<D> {
    /// What its events added up to.
    pub const fn state(&self) -> &D::State {
        &self.0
    }

    /// The same, taken out.
    pub fn into_state(self) -> D::State {
        self.0
    }
}

impl<D: Decider> Default for Decided<D> {
    fn default() -> Self {
        Self(D::State::default(), PhantomData)
    }
}

impl<D: Decider> Aggregate for Decided<D> {
    const TYPE: &'static str = D::Event::AGGREGATE_TYPE.as_str();
    type Command = D::Command;
    type Event = Fact<D::Event>;
    type Error = D::Refusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: D::Command,
        _: &(),
        sink: &EventSink<Self>,
    ) -> Result<(), D::Refusal> {
        for event in D::decide(&self.0, command)? {
            sink.write(Fact(event), self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: Fact<D::Event>) {
        D::evolve(&mut self.0, &event.0);
    }
}
