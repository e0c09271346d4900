use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use schema::events::PauseScope;
use schema::{ChannelKind, DeliveryId, DestinationKey, Position, TenantId};
use store::{ClaimRequest, QueueRow};

use crate::Dispatcher;

/// So many tenants and paused sends are remembered; what is forgotten is found out again by claiming it.
const MAX_REMEMBERED: usize = 10_000;

/// Sends of a tenant on a channel to a destination.
type Sends = (TenantId, ChannelKind, DestinationKey);

/// What claims leave out because it is paused, and denials that wait to be confirmed. A claim cannot ask the routing
/// index for a list, so it remembers what it came across.
#[derive(Debug, Default)]
pub(crate) struct HeldBack(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    tenants: HashSet<TenantId>,
    paused: HashSet<Sends>,
    denied: HashMap<DeliveryId, Option<Position>>,
}

impl HeldBack {
    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn saw(&self, row: &QueueRow) {
        let mut remembered = self.remembered();
        if !remembered.tenants.contains(&row.tenant) {
            make_room(&mut remembered.tenants);
            remembered.tenants.insert(row.tenant.clone());
        }
    }

    pub(super) fn paused(
        &self,
        tenant: &TenantId,
        channel: ChannelKind,
        destination: &DestinationKey,
    ) {
        let mut remembered = self.remembered();
        make_room(&mut remembered.paused);
        remembered.paused.insert((tenant.clone(), channel, destination.clone()));
    }

    pub(super) fn anything_paused(&self) -> bool {
        !self.remembered().paused.is_empty()
    }

    /// These channels, of every tenant that was seen, as a claim spells them.
    pub(super) fn on_channels(&self, channels: &[ChannelKind]) -> Vec<String> {
        let remembered = self.remembered();
        let of_tenant =
            |channel| remembered.tenants.iter().map(move |tenant| channel_of(tenant, channel));
        channels.iter().copied().flat_map(of_tenant).collect()
    }

    /// Adds what is still paused to what a claim leaves out, and forgets what is not. Never holds its own lock while it
    /// looks at the index: deciding on rows takes the two in the other order.
    pub(super) fn leave_out_paused(&self, dispatcher: &Dispatcher, request: &mut ClaimRequest) {
        let known: Vec<Sends> = self.remembered().paused.iter().cloned().collect();
        if known.is_empty() {
            return;
        }
        let mut resumed = Vec::new();
        let index = dispatcher.index.read().unwrap_or_else(PoisonError::into_inner);
        for sends in known {
            let (tenant, channel, destination) = &sends;
            match index.paused(tenant, *channel, destination) {
                None => resumed.push(sends),
                Some(PauseScope::All) => request.without_tenants.push(tenant.to_string()),
                Some(PauseScope::Channel { channel }) => {
                    request.without_channels.push(channel_of(tenant, channel));
                }
                Some(PauseScope::Destination { destination }) => {
                    request.without_destinations.push(destination.to_string());
                }
            }
        }
        drop(index);
        let mut remembered = self.remembered();
        for sends in resumed {
            remembered.paused.remove(&sends);
        }
        for names in [&mut request.without_tenants, &mut request.without_channels] {
            names.sort_unstable();
            names.dedup();
        }
    }

    /// Whether the delivery's denial may be believed: the index has read the log up to where it ended after the
    /// delivery was first denied. Until then it may only be behind.
    pub(super) fn is_confirmed(&self, delivery: DeliveryId, read_at: Position) -> bool {
        let mut remembered = self.remembered();
        match remembered.denied.get(&delivery) {
            Some(Some(head)) if read_at >= *head => {
                remembered.denied.remove(&delivery);
                true
            }
            Some(_) => false,
            None => {
                if remembered.denied.len() >= MAX_REMEMBERED {
                    remembered.denied.clear();
                }
                remembered.denied.insert(delivery, None);
                false
            }
        }
    }

    /// The log ended at `head` after these were denied.
    pub(super) fn denied_before(&self, head: Position, deliveries: &[DeliveryId]) {
        let mut remembered = self.remembered();
        for delivery in deliveries {
            if let Some(unknown @ None) = remembered.denied.get_mut(delivery) {
                *unknown = Some(head);
            }
        }
    }
}

fn channel_of(tenant: &TenantId, channel: ChannelKind) -> String {
    format!("{tenant}/{channel}")
}

fn make_room<T>(set: &mut HashSet<T>) {
    if set.len() >= MAX_REMEMBERED {
        set.clear();
    }
}
