use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;

use schema::events::ApiKeyEvent;
use schema::{ApiKeyId, LedgerEvent, Position, RecordedEvent, StreamId, TenantId};

use super::early::Early;
use super::stops::Stops;
use super::tenant::{Entry, Place, Source, Step, TenantRoutes};
use super::timing::Changes;
use crate::api_key::{self, ApiKey};

/// See the [module](crate::routing).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoutingIndex {
    pub(super) tenants: HashMap<TenantId, TenantRoutes>,
    pub(super) keys: HashMap<ApiKeyId, BTreeMap<TenantId, Entry<ApiKey>>>,
    pub(super) stops: Stops,
    early: Early,
    read_at: Position,
    pub(super) timing_changes: Changes,
}

impl RoutingIndex {
    /// Knows nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How far the log was followed. Own appends beyond it may be known, too.
    #[must_use]
    pub const fn read_at(&self) -> Position {
        self.read_at
    }

    /// Takes an event from the log's tail, in the log's order. What the tail leaves out of a stream (an event that this
    /// program is too old to read, or was told to skip) holds back nothing that follows.
    pub fn follow(&mut self, recorded: &RecordedEvent) {
        let RecordedEvent { stream, sequence, event, metadata, position, .. } = recorded;
        let place = Place { sequence: *sequence, source: Source::Tail };
        self.take(&metadata.tenant, stream, place, event);
        self.reached(*position);
    }

    /// Says that the tail has passed `position`, where what lay before it does not concern this index (deliveries).
    pub fn reached(&mut self, position: Position) {
        self.read_at = self.read_at.max(position);
    }

    /// Takes an event of `tenant`'s that this node appended, as soon as it is durable. Any event any number of times,
    /// before or after the tail has brought it or what lies before it: all orders end in the same index.
    pub fn apply(
        &mut self,
        tenant: &TenantId,
        stream: &StreamId,
        sequence: i64,
        event: &LedgerEvent,
    ) {
        self.take(tenant, stream, Place { sequence, source: Source::Own }, event);
    }

    fn take(&mut self, tenant: &TenantId, stream: &StreamId, place: Place, event: &LedgerEvent) {
        match self.step(tenant, stream, place, event) {
            Step::Known => {}
            Step::Early => self.early.keep(stream, place.sequence, event),
            Step::Taken => {
                let mut next = Place { sequence: place.sequence + 1, source: Source::Own };
                while let Some(event) = self.early.take(stream, next.sequence) {
                    self.step(tenant, stream, next, &event);
                    next.sequence += 1;
                }
            }
        }
    }

    fn step(
        &mut self,
        tenant: &TenantId,
        stream: &StreamId,
        place: Place,
        event: &LedgerEvent,
    ) -> Step {
        let step = self.fold(tenant, stream, place, event);
        if step == Step::Taken {
            self.timing_changes.count(event);
        }
        step
    }

    fn fold(
        &mut self,
        tenant: &TenantId,
        stream: &StreamId,
        place: Place,
        event: &LedgerEvent,
    ) -> Step {
        match event {
            LedgerEvent::Tenant(event) => self.routes(tenant).tenant(place, event),
            LedgerEvent::ApiKey(event) => {
                named(stream, |id| self.api_key(tenant, id, place, event))
            }
            LedgerEvent::Report(event) => {
                named(stream, |id| self.routes(tenant).report(id, place, event))
            }
            LedgerEvent::Recipient(event) => {
                named(stream, |id| self.routes(tenant).recipient(id, place, event))
            }
            LedgerEvent::Group(event) => {
                named(stream, |id| self.routes(tenant).group(id, place, event))
            }
            LedgerEvent::Subscription(event) => {
                named(stream, |id| self.routes(tenant).subscription(id, place, event))
            }
            LedgerEvent::Distribution(event) => {
                self.stops.apply(stream, event);
                Step::Known
            }
            LedgerEvent::Delivery(_) => Step::Known,
        }
    }

    fn routes(&mut self, tenant: &TenantId) -> &mut TenantRoutes {
        self.tenants.entry(tenant.clone()).or_default()
    }

    fn api_key(
        &mut self,
        tenant: &TenantId,
        id: ApiKeyId,
        place: Place,
        event: &ApiKeyEvent,
    ) -> Step {
        let of_tenants = self.keys.entry(id).or_default();
        of_tenants.entry(tenant.clone()).or_default().take::<api_key::Rules>(place, event)
    }
}

/// A stream whose name is none of ours holds nothing that could be asked for.
fn named<I: FromStr>(stream: &StreamId, step: impl FnOnce(I) -> Step) -> Step {
    stream.local_id().parse().map_or(Step::Known, step)
}
