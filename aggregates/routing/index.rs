use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;

use schema::events::ApiKeyEvent;
use schema::{ApiKeyId, LedgerEvent, Position, RecordedEvent, StreamId, TenantId};

use super::early::Early;
use super::stops::Stops;
use super::tenant::{Entry, Step, TenantRoutes};
use crate::api_key::{self, ApiKey};

/// See the [module](self).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoutingIndex {
    pub(super) tenants: HashMap<TenantId, TenantRoutes>,
    pub(super) keys: HashMap<ApiKeyId, BTreeMap<TenantId, Entry<ApiKey>>>,
    pub(super) stops: Stops,
    early: Early,
    read_at: Position,
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

    /// Takes an event from the log's tail, in the log's order.
    pub fn follow(&mut self, recorded: &RecordedEvent) {
        let RecordedEvent { stream, sequence, event, metadata, position, .. } = recorded;
        self.apply(&metadata.tenant, stream, *sequence, event);
        self.reached(*position);
    }

    /// Says that the tail has passed `position`, where what lay before it does not concern this index (deliveries).
    pub fn reached(&mut self, position: Position) {
        self.read_at = self.read_at.max(position);
    }

    /// Takes an event of `tenant`'s: an own append, as soon as it is durable, or one from the log. Any event any number of times,
    /// before or after the tail has brought it or what lies before it: all orders end in the same index.
    pub fn apply(
        &mut self,
        tenant: &TenantId,
        stream: &StreamId,
        sequence: i64,
        event: &LedgerEvent,
    ) {
        match self.step(tenant, stream, sequence, event) {
            Step::Known => {}
            Step::Early => self.early.keep(stream, sequence, event),
            Step::Taken => {
                let mut next = sequence + 1;
                while let Some(event) = self.early.take(stream, next) {
                    self.step(tenant, stream, next, &event);
                    next += 1;
                }
            }
        }
    }

    fn step(
        &mut self,
        tenant: &TenantId,
        stream: &StreamId,
        sequence: i64,
        event: &LedgerEvent,
    ) -> Step {
        match event {
            LedgerEvent::Tenant(event) => self.routes(tenant).tenant(sequence, event),
            LedgerEvent::ApiKey(event) => {
                named(stream, |id| self.api_key(tenant, id, sequence, event))
            }
            LedgerEvent::Report(event) => {
                named(stream, |id| self.routes(tenant).report(id, sequence, event))
            }
            LedgerEvent::Recipient(event) => {
                named(stream, |id| self.routes(tenant).recipient(id, sequence, event))
            }
            LedgerEvent::Subscription(event) => {
                named(stream, |id| self.routes(tenant).subscription(id, sequence, event))
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
        sequence: i64,
        event: &ApiKeyEvent,
    ) -> Step {
        let of_tenants = self.keys.entry(id).or_default();
        of_tenants.entry(tenant.clone()).or_default().take::<api_key::Rules>(sequence, event)
    }
}

/// A stream whose name is none of ours holds nothing that could be asked for.
fn named<I: FromStr>(stream: &StreamId, step: impl FnOnce(I) -> Step) -> Step {
    stream.local_id().parse().map_or(Step::Known, step)
}
