//! The right to have one send under way. Counted per lane, tenant, channel and destination; knows nothing of what is
//! sent.

mod limits;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use schema::{ChannelKind, DestinationKey, TenantId};
use tokio::sync::Notify;

pub(crate) use limits::Limits;

use crate::DispatchConfig;

/// Which share of the permits a send takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Share {
    /// First tries.
    First,
    /// Everything that was tried before.
    Retry,
}

/// All permits of this node.
#[derive(Clone, Debug)]
pub struct Permits(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    first: Mutex<InUse>,
    retry: Mutex<InUse>,
    closed: AtomicBool,
    /// One for each share and channel, in the order of [`bell`].
    freed: [Notify; Share::COUNT * ChannelKind::ALL.len()],
}

#[derive(Debug)]
struct InUse {
    limits: Limits,
    all: u32,
    channels: HashMap<ChannelKind, u32>,
    tenants: HashMap<TenantId, u32>,
    destinations: HashMap<DestinationKey, u32>,
    /// Sends that the other side answered, by channel.
    answered: HashMap<ChannelKind, u64>,
}

impl Share {
    const COUNT: usize = 2;
}

/// What is left of a share on a channel, and whose part of it is used up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Free {
    pub(crate) permits: u32,
    pub(crate) without_tenants: Vec<TenantId>,
    pub(crate) without_destinations: Vec<DestinationKey>,
}

impl Free {
    /// Whether there may be rows that are left out only because permits of theirs are used up.
    pub(crate) const fn leaves_out(&self) -> bool {
        !self.without_tenants.is_empty() || !self.without_destinations.is_empty()
    }

    /// Whether something that `before` left out may be claimed now.
    pub(crate) fn allows_more_than(&self, before: &Self) -> bool {
        let freed = self.permits > 0;
        freed
            && (before.without_tenants.iter().any(|one| !self.without_tenants.contains(one))
                || before
                    .without_destinations
                    .iter()
                    .any(|one| !self.without_destinations.contains(one)))
    }
}

impl Permits {
    pub(crate) fn new(config: &DispatchConfig) -> Self {
        let (first, retry) = Limits::of(config);
        Self(Arc::new(Shared {
            first: Mutex::new(InUse::new(first)),
            retry: Mutex::new(InUse::new(retry)),
            closed: AtomicBool::new(false),
            freed: std::array::from_fn(|_| Notify::new()),
        }))
    }

    /// A permit, if every limit leaves room for one more send. Never waits.
    #[must_use]
    pub fn try_permit(
        &self,
        share: Share,
        tenant: &TenantId,
        channel: ChannelKind,
        destination: &DestinationKey,
    ) -> Option<Permit> {
        if self.0.closed.load(Ordering::Acquire) {
            return None;
        }
        if !self.0.of(share).take(tenant, channel, destination) {
            return None;
        }
        Some(Permit {
            shared: Arc::clone(&self.0),
            share,
            tenant: tenant.clone(),
            channel,
            destination: destination.clone(),
            sending: true,
        })
    }

    /// From now on there are no more permits; those given out stay valid.
    pub(crate) fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
    }

    /// What a claim of at most `wanted` rows of a channel may take from a share, and what it leaves out because it is
    /// used up. Only rows for a destination with a tight limit may then still be refused their permit.
    pub(crate) fn free(&self, share: Share, channel: ChannelKind, wanted: u32) -> Free {
        if self.0.closed.load(Ordering::Acquire) {
            return Free::default();
        }
        self.0.of(share).free(channel, wanted)
    }

    /// First tries on a channel that the other side answered so far.
    pub(crate) fn answered_count(&self, channel: ChannelKind) -> u64 {
        self.0.of(Share::First).answered.get(&channel).copied().unwrap_or_default()
    }

    /// Whether first tries like this one have a quarter of their tightest limit free. Nothing is free any more once
    /// permits are closed, and nothing is waited for.
    pub(crate) fn has_room(
        &self,
        tenant: &TenantId,
        channel: ChannelKind,
        destination: &DestinationKey,
    ) -> bool {
        self.0.closed.load(Ordering::Acquire)
            || self.0.of(Share::First).has_room(tenant, channel, destination)
    }

    /// Sends under way on a channel, both shares together.
    pub(crate) fn in_use(&self, channel: ChannelKind) -> u32 {
        let of = |share| self.0.of(share).channels.get(&channel).copied().unwrap_or_default();
        of(Share::First) + of(Share::Retry)
    }

    /// Attempts under way.
    pub(crate) fn all_in_use(&self) -> u32 {
        self.0.of(Share::First).all + self.0.of(Share::Retry).all
    }

    /// Ends when no permit is out. To be waited for once they are [closed](Self::close).
    pub(crate) async fn drained(&self) {
        while self.all_in_use() > 0 {
            let look = Duration::from_millis(20);
            tokio::time::sleep(look).await;
        }
    }

    /// Ends when a permit of the share on this channel has come back since the last call.
    pub(crate) async fn freed(&self, share: Share, channel: ChannelKind) {
        self.0.bell(share, channel).notified().await;
    }
}

impl Shared {
    fn bell(&self, share: Share, channel: ChannelKind) -> &Notify {
        &self.freed[share as usize * ChannelKind::ALL.len() + channel as usize]
    }

    fn of(&self, share: Share) -> MutexGuard<'_, InUse> {
        let lane = match share {
            Share::First => &self.first,
            Share::Retry => &self.retry,
        };
        // The counts are whole at every point at which a panic could leave them.
        lane.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InUse {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            all: 0,
            channels: HashMap::new(),
            tenants: HashMap::new(),
            destinations: HashMap::new(),
            answered: HashMap::new(),
        }
    }

    fn take(&mut self, tenant: &TenantId, channel: ChannelKind, to: &DestinationKey) -> bool {
        let limits = &self.limits;
        if self.all >= limits.all
            || used(&self.tenants, tenant) >= limits.tenant
            || used(&self.channels, &channel) >= limits.channel(channel)
            || used(&self.destinations, to) >= limits.destination
        {
            return false;
        }
        self.all += 1;
        more(&mut self.tenants, tenant);
        more(&mut self.channels, &channel);
        more(&mut self.destinations, to);
        true
    }

    fn free(&self, channel: ChannelKind, wanted: u32) -> Free {
        let on_channel = self.limits.channel(channel);
        let left = on_channel.saturating_sub(used(&self.channels, &channel));
        let rows = wanted.min(self.limits.rows()).min(self.limits.all.saturating_sub(self.all));
        // A claim of a few rows costs as much as one of many: half of the channel comes back first.
        if rows == 0 || left < rows.min(on_channel.div_ceil(2)) {
            return Free::default();
        }
        let rows = rows.min(left);
        Free {
            permits: rows,
            without_tenants: short(&self.tenants, |_| self.limits.tenant, rows),
            without_destinations: short(&self.destinations, |_| self.limits.destination, rows),
        }
    }

    fn has_room(&self, tenant: &TenantId, channel: ChannelKind, to: &DestinationKey) -> bool {
        let limits = &self.limits;
        let has_some = |limit: u32, used: u32| limit.saturating_sub(used) >= limit.div_ceil(4);
        has_some(limits.all, self.all)
            && has_some(limits.tenant, used(&self.tenants, tenant))
            && has_some(limits.channel(channel), used(&self.channels, &channel))
            && has_some(limits.destination, used(&self.destinations, to))
    }
}

/// The right to have one send under way. Dropping it gives it back.
#[derive(Debug)]
pub struct Permit {
    shared: Arc<Shared>,
    share: Share,
    tenant: TenantId,
    channel: ChannelKind,
    destination: DestinationKey,
    sending: bool,
}

impl Permit {
    /// The other side has answered: its channel and destination are free for the next send. What counts against the
    /// tenant and the node is given back when the permit is dropped, that is when the outcome is recorded.
    pub(crate) fn answered(&mut self) {
        if !std::mem::take(&mut self.sending) {
            return;
        }
        let mut in_use = self.shared.of(self.share);
        less(&mut in_use.channels, &self.channel);
        less(&mut in_use.destinations, &self.destination);
        *in_use.answered.entry(self.channel).or_default() += 1;
        drop(in_use);
        self.shared.bell(self.share, self.channel).notify_one();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.answered();
        let mut in_use = self.shared.of(self.share);
        in_use.all = in_use.all.saturating_sub(1);
        less(&mut in_use.tenants, &self.tenant);
        drop(in_use);
        self.shared.bell(self.share, self.channel).notify_one();
    }
}

fn used<K: Eq + Hash>(counts: &HashMap<K, u32>, key: &K) -> u32 {
    counts.get(key).copied().unwrap_or_default()
}

fn more<K: Eq + Hash + Clone>(counts: &mut HashMap<K, u32>, key: &K) {
    match counts.get_mut(key) {
        Some(count) => *count += 1,
        None => {
            counts.insert(key.clone(), 1);
        }
    }
}

fn less<K: Eq + Hash>(counts: &mut HashMap<K, u32>, key: &K) {
    match counts.get_mut(key) {
        Some(count) if *count > 1 => *count -= 1,
        _ => {
            counts.remove(key);
        }
    }
}

/// Those with less room than `rows`; where the limit is tight, with less than half of it.
fn short<K: Clone>(counts: &HashMap<K, u32>, limit: impl Fn(&K) -> u32, rows: u32) -> Vec<K> {
    let is_short = |(key, used): &(&K, &u32)| {
        let limit = limit(key);
        limit.saturating_sub(**used) < rows.min(limit.div_ceil(2))
    };
    counts.iter().filter(is_short).map(|(key, _)| key.clone()).collect()
}
