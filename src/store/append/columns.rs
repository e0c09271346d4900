use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schema::DistributionId;
use uuid::Uuid;

use super::Encoded;
use super::encoded::event_version;
use crate::{AddressChange, CommandRecord, Due, PlanningChange, QueueChange};

/// The rows of a batch, column by column, as the statements bind them. Where units of a batch change the same row the
/// last one counts; rows are sorted by key, so that two batches lock in the same order.
#[derive(Default)]
pub(crate) struct Columns<'u> {
    pub events: EventColumns<'u>,
    pub puts: QueueColumns<'u>,
    pub removed: Vec<Uuid>,
    pub commands: CommandColumns<'u>,
    pub planned: PlanningColumns<'u>,
    pub plans_done: Vec<Uuid>,
    pub addresses: AddressColumns<'u>,
    pub addresses_gone: AddressColumns<'u>,
}

#[derive(Default)]
pub(crate) struct EventColumns<'u> {
    pub aggregate_types: Vec<&'u str>,
    pub aggregate_ids: Vec<&'u str>,
    pub sequences: Vec<i64>,
    pub event_types: Vec<&'u str>,
    pub event_versions: Vec<&'u str>,
    pub payloads: Vec<&'u str>,
    pub metadata: Vec<&'u str>,
}

#[derive(Default)]
pub(crate) struct QueueColumns<'u> {
    pub deliveries: Vec<Uuid>,
    pub tenants: Vec<&'u str>,
    pub distributions: Vec<Uuid>,
    pub channels: Vec<&'u str>,
    pub destinations: Vec<&'u str>,
    pub lanes: Vec<i16>,
    pub sequences: Vec<i64>,
    pub states: Vec<&'u str>,
    pub traceparents: Vec<Option<&'u str>>,
    pub due_at: Vec<Option<DateTime<Utc>>>,
    pub lease_ms: Vec<i64>,
}

#[derive(Default)]
pub(crate) struct CommandColumns<'u> {
    pub tenants: Vec<&'u str>,
    pub ids: Vec<&'u str>,
    pub digests: Vec<&'u [u8]>,
    pub outcomes: Vec<&'u str>,
}

#[derive(Default)]
pub(crate) struct PlanningColumns<'u> {
    pub distributions: Vec<Uuid>,
    pub tenants: Vec<&'u str>,
    pub slices: Vec<i32>,
    pub after: Vec<Option<&'u str>>,
    pub lease_ms: Vec<i64>,
}

#[derive(Default)]
pub(crate) struct AddressColumns<'u> {
    pub tenants: Vec<&'u str>,
    pub recipients: Vec<&'u str>,
    pub addresses: Vec<&'u str>,
    pub tags: Vec<&'u str>,
}

impl<'u> Columns<'u> {
    pub fn of(units: impl Iterator<Item = &'u Encoded>) -> Self {
        let mut columns = Self::default();
        let mut queue = BTreeMap::new();
        let mut planning = BTreeMap::new();
        let mut addresses = BTreeMap::new();
        let mut commands: Vec<(&str, &CommandRecord)> = Vec::new();
        for encoded in units {
            let tenant = encoded.unit.metadata.tenant.as_str();
            columns.events.push(encoded);
            queue.extend(encoded.unit.queue.iter().map(|change| (change.delivery(), change)));
            planning
                .extend(encoded.unit.planning.iter().map(|change| (distribution(change), change)));
            addresses.extend(encoded.unit.addresses.iter().map(|change| {
                let (recipient, address) = address(change);
                ((tenant, recipient, address), change)
            }));
            commands.extend(encoded.unit.command.iter().map(|command| (tenant, command)));
        }
        commands.sort_by_key(|(tenant, command)| (*tenant, command.id.as_str()));
        for (tenant, command) in commands {
            columns.commands.push(tenant, command);
        }
        columns.push_queue(queue.into_values());
        columns.push_planning(planning.into_values());
        columns.push_addresses(addresses);
        columns
    }

    fn push_queue(&mut self, changes: impl Iterator<Item = &'u QueueChange>) {
        for change in changes {
            match change {
                QueueChange::Remove { delivery } => self.removed.push(delivery.as_uuid()),
                QueueChange::Put(row, due) => {
                    let (due_at, lease_ms) = match due {
                        Due::At(at) => (Some(at.to_chrono()), 0),
                        Due::Leased { lease_ms } => (None, as_i64(*lease_ms)),
                    };
                    self.puts.deliveries.push(row.delivery.as_uuid());
                    self.puts.tenants.push(row.tenant.as_str());
                    self.puts.distributions.push(row.distribution.as_uuid());
                    self.puts.channels.push(row.channel.as_str());
                    self.puts.destinations.push(row.destination.as_str());
                    self.puts.lanes.push(row.lane);
                    self.puts.sequences.push(row.sequence);
                    self.puts.states.push(&row.state);
                    self.puts.traceparents.push(row.traceparent.as_deref());
                    self.puts.due_at.push(due_at);
                    self.puts.lease_ms.push(lease_ms);
                }
            }
        }
    }

    fn push_planning(&mut self, changes: impl Iterator<Item = &'u PlanningChange>) {
        for change in changes {
            match change {
                PlanningChange::Remove { distribution } => {
                    self.plans_done.push(distribution.as_uuid());
                }
                PlanningChange::Put { row, lease_ms } => {
                    self.planned.distributions.push(row.distribution.as_uuid());
                    self.planned.tenants.push(row.tenant.as_str());
                    self.planned.slices.push(i32::try_from(row.slice).unwrap_or(i32::MAX));
                    self.planned.after.push(row.after.as_ref().map(schema::RecipientId::as_str));
                    self.planned.lease_ms.push(as_i64(*lease_ms));
                }
            }
        }
    }

    fn push_addresses(
        &mut self,
        changes: BTreeMap<(&'u str, &'u str, &'u str), &'u AddressChange>,
    ) {
        for ((tenant, recipient, address), change) in changes {
            let (columns, tag) = match change {
                AddressChange::Put { tag, .. } => (&mut self.addresses, tag.as_str()),
                AddressChange::Remove { .. } => (&mut self.addresses_gone, ""),
            };
            columns.tenants.push(tenant);
            columns.recipients.push(recipient);
            columns.addresses.push(address);
            columns.tags.push(tag);
        }
    }
}

impl<'u> EventColumns<'u> {
    fn push(&mut self, encoded: &'u Encoded) {
        for ((stream, sequence, event), payload) in encoded.places().zip(&encoded.payloads) {
            self.aggregate_types.push(stream.aggregate_type.as_str());
            self.aggregate_ids.push(&stream.aggregate_id);
            self.sequences.push(sequence);
            self.event_types.push(event.event_type());
            self.event_versions.push(event_version(event));
            self.payloads.push(payload);
            self.metadata.push(&encoded.metadata);
        }
    }
}

impl<'u> CommandColumns<'u> {
    fn push(&mut self, tenant: &'u str, command: &'u CommandRecord) {
        self.tenants.push(tenant);
        self.ids.push(&command.id);
        self.digests.push(command.body_sha256.as_bytes());
        self.outcomes.push(&command.outcome);
    }
}

fn distribution(change: &PlanningChange) -> DistributionId {
    match change {
        PlanningChange::Put { row, .. } => row.distribution,
        PlanningChange::Remove { distribution } => *distribution,
    }
}

fn address(change: &AddressChange) -> (&str, &str) {
    match change {
        AddressChange::Put { recipient, address, .. }
        | AddressChange::Remove { recipient, address } => (recipient.as_str(), address.as_str()),
    }
}

fn as_i64(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}
