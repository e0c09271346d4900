use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, btree_map, btree_set};
use std::ops::Bound;

use schema::{GroupId, RecipientId, SubscriptionId};

use super::tenant::{Routes, TenantRoutes};

/// Recipients in key order, with the subscriptions that lead to them.
enum Source<'m> {
    /// Each with its own.
    Own(btree_map::Range<'m, RecipientId, Vec<SubscriptionId>>),
    /// Members of one group, with those of all groups that it lies in.
    Group(btree_set::Range<'m, RecipientId>, Vec<&'m SubscriptionId>),
}

/// Recipients of several indexes behind `after`, in key order, each once with the subscriptions of all. What it costs
/// to begin goes by the groups that are subscribed and what lies in them, not by their members.
pub(super) struct Merge<'m> {
    sources: Vec<Source<'m>>,
    /// The next recipient of each source, with what leads to it.
    heads: BinaryHeap<Reverse<(&'m RecipientId, usize)>>,
    /// The subscriptions of a head that brings its own.
    own: Vec<&'m [SubscriptionId]>,
}

impl<'m> Merge<'m> {
    /// Over the subscriptions of `routes`.
    pub(super) fn new(
        tenant: Option<&'m TenantRoutes>,
        routes: [Option<&'m Routes>; 2],
        after: Option<&RecipientId>,
    ) -> Self {
        let behind = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let routes = || routes.into_iter().flatten();
        let mut by_group: BTreeMap<&'m GroupId, Vec<&'m SubscriptionId>> = BTreeMap::new();
        for (group, subscriptions) in routes().flat_map(|routes| &routes.groups) {
            let within = tenant.into_iter().flat_map(|tenant| tenant.within(group));
            within.for_each(|(id, _)| by_group.entry(id).or_default().extend(subscriptions));
        }
        let own =
            routes().map(|routes| Source::Own(routes.recipients.range::<RecipientId, _>(behind)));
        let groups = by_group.into_iter().filter_map(|(group, subscriptions)| {
            let members = tenant?.members(group)?;
            let range = members.recipients.range::<RecipientId, _>(behind);
            Some(Source::Group(range, subscriptions))
        });
        let sources: Vec<_> = own.chain(groups).collect();
        let count = sources.len();
        let mut merge = Self { sources, heads: BinaryHeap::new(), own: vec![&[]; count] };
        (0..count).for_each(|at| merge.advance(at));
        merge
    }

    fn advance(&mut self, at: usize) {
        let head = match &mut self.sources[at] {
            Source::Own(range) => range.next().map(|(recipient, subscriptions)| {
                self.own[at] = subscriptions;
                recipient
            }),
            Source::Group(range, _) => range.next(),
        };
        self.heads.extend(head.map(|recipient| Reverse((recipient, at))));
    }
}

impl<'m> Iterator for Merge<'m> {
    type Item = (&'m RecipientId, Vec<&'m SubscriptionId>);

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((recipient, _)) = *self.heads.peek()?;
        let mut subscriptions = Vec::new();
        while let Some(Reverse((head, at))) = self.heads.peek().copied()
            && head == recipient
        {
            self.heads.pop();
            match &self.sources[at] {
                Source::Own(_) => subscriptions.extend(self.own[at]),
                Source::Group(_, leading) => subscriptions.extend(leading.iter().copied()),
            }
            self.advance(at);
        }
        subscriptions.sort_unstable();
        // Several ways may lead from one group to the same member.
        subscriptions.dedup();
        Some((recipient, subscriptions))
    }
}
