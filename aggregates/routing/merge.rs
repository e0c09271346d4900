use std::collections::BTreeMap;
use std::collections::btree_map::Range;
use std::iter::Peekable;
use std::ops::Bound;

use schema::{RecipientId, SubscriptionId};

use super::tenant::Members;

static NOBODY: Members = BTreeMap::new();

/// Recipients of two indexes behind `after`, in key order, each once with the subscriptions of both.
pub(super) struct Merge<'m> {
    named: Peekable<Range<'m, RecipientId, Vec<SubscriptionId>>>,
    every: Peekable<Range<'m, RecipientId, Vec<SubscriptionId>>>,
}

impl<'m> Merge<'m> {
    pub(super) fn new(
        named: Option<&'m Members>,
        every: Option<&'m Members>,
        after: Option<&RecipientId>,
    ) -> Self {
        let behind = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let range = |members: Option<&'m Members>| {
            members.unwrap_or(&NOBODY).range::<RecipientId, _>(behind).peekable()
        };
        Self { named: range(named), every: range(every) }
    }
}

impl<'m> Iterator for Merge<'m> {
    type Item = (&'m RecipientId, Vec<&'m SubscriptionId>);

    fn next(&mut self) -> Option<Self::Item> {
        let heads = [self.named.peek(), self.every.peek()];
        let recipient = heads.into_iter().flatten().map(|(recipient, _)| *recipient).min()?;
        let named = self.named.next_if(|(head, _)| *head == recipient);
        let every = self.every.next_if(|(head, _)| *head == recipient);
        let both = [named, every].into_iter().flatten();
        let mut subscriptions: Vec<_> = both.flat_map(|(_, subscriptions)| subscriptions).collect();
        subscriptions.sort_unstable();
        Some((recipient, subscriptions))
    }
}
