use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use schema::events::PauseScope;
use schema::{ChannelKind, DestinationKey, TenantId};
use store::ClaimRequest;

use crate::Dispatcher;

/// So many paused sends are remembered; what is forgotten is found out again by claiming it.
const MAX_REMEMBERED: usize = 10_000;

/// Sends of a tenant on a channel to a destination.
type Sends = (TenantId, ChannelKind, DestinationKey);

/// What claims leave out because it is paused. A claim cannot ask the routing index for a list, so it remembers what it
/// came across.
#[derive(Debug, Default)]
pub(crate) struct HeldBack(Mutex<HashSet<Sends>>);

impl HeldBack {
    fn remembered(&self) -> MutexGuard<'_, HashSet<Sends>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn paused(
        &self,
        tenant: &TenantId,
        channel: ChannelKind,
        destination: &DestinationKey,
    ) {
        let mut remembered = self.remembered();
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        remembered.insert((tenant.clone(), channel, destination.clone()));
    }

    pub(super) fn anything_paused(&self) -> bool {
        !self.remembered().is_empty()
    }

    /// Adds what is still paused to what a claim leaves out, and forgets what is not. Never holds its own lock while it
    /// looks at the index: deciding on rows takes the two in the other order.
    pub(super) fn leave_out_paused(&self, dispatcher: &Dispatcher, request: &mut ClaimRequest) {
        let known: Vec<Sends> = self.remembered().iter().cloned().collect();
        if known.is_empty() {
            return;
        }
        let mut resumed = Vec::new();
        let index = dispatcher.index.read().unwrap_or_else(PoisonError::into_inner);
        for sends in known {
            let (tenant, channel, destination) = &sends;
            let of_this_claim = *channel == request.channel;
            match index.paused(tenant, *channel, destination) {
                None => resumed.push(sends),
                Some(_) if !of_this_claim => {}
                Some(PauseScope::All | PauseScope::Channel { .. }) => {
                    request.without_tenants.push(tenant.to_string());
                }
                Some(PauseScope::Destination { destination }) => {
                    request.without_destinations.push(destination.to_string());
                }
            }
        }
        drop(index);
        let mut remembered = self.remembered();
        for sends in resumed {
            remembered.remove(&sends);
        }
        request.without_tenants.sort_unstable();
        request.without_tenants.dedup();
    }
}
