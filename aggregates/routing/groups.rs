use std::collections::{BTreeSet, HashSet, VecDeque};

use schema::{GroupId, RecipientId, TenantId};

use super::RoutingIndex;
use super::tenant::TenantRoutes;
use crate::group::{Group, MAX_DEPTH, Members, Nesting};

static UNKNOWN: Group = Group::Unknown;

impl TenantRoutes {
    /// What a group holds itself.
    pub(super) fn members(&self, group: &GroupId) -> Option<&Members> {
        self.groups.get(group)?.state.members()
    }

    /// A group and all that lie in it, each once with what it holds itself: whatever they say of each other, it ends.
    pub(super) fn within<'i>(
        &'i self,
        group: &'i GroupId,
    ) -> impl Iterator<Item = (&'i GroupId, &'i Members)> {
        let (mut seen, mut next) = (HashSet::from([group]), VecDeque::from([group]));
        std::iter::from_fn(move || {
            while let Some(id) = next.pop_front() {
                let Some(members) = self.members(id) else { continue };
                next.extend(members.groups.iter().filter(|inner| seen.insert(inner)));
                return Some((id, members));
            }
            None
        })
    }

    /// How many groups lie in each other at most, from these on in one direction: so many steps until nothing follows.
    fn depth<'i>(
        &'i self,
        from: &'i GroupId,
        step: impl Fn(&BTreeSet<&'i GroupId>) -> BTreeSet<&'i GroupId>,
    ) -> usize {
        let (mut level, mut depth) = (BTreeSet::from([from]), 0);
        while !level.is_empty() && depth <= MAX_DEPTH {
            level = step(&level);
            depth += 1;
        }
        depth
    }

    fn holders<'i>(&'i self, of: &BTreeSet<&'i GroupId>) -> BTreeSet<&'i GroupId> {
        let holds = |members: &Members| members.groups.iter().any(|inner| of.contains(inner));
        let holders = self.groups.iter();
        let holders = holders.filter(|(_, entry)| entry.state.members().is_some_and(holds));
        holders.map(|(id, _)| id).collect()
    }

    fn held<'i>(&'i self, by: &BTreeSet<&'i GroupId>) -> BTreeSet<&'i GroupId> {
        by.iter().filter_map(|id| self.members(id)).flat_map(|members| &members.groups).collect()
    }

    /// The shortest way down from one group to another, both named.
    fn way(&self, from: &GroupId, to: &GroupId) -> Vec<GroupId> {
        let mut ways = VecDeque::from([vec![from]]);
        let mut seen = HashSet::from([from]);
        while let Some(way) = ways.pop_front() {
            let Some(last) = way.last().copied() else { continue };
            if last == to {
                return way.into_iter().cloned().collect();
            }
            let inner = self.members(last).into_iter().flat_map(|members| &members.groups);
            for next in inner.filter(|next| seen.insert(next)) {
                ways.push_back(way.iter().copied().chain([next]).collect());
            }
        }
        vec![]
    }
}

impl RoutingIndex {
    /// A group.
    #[must_use]
    pub fn group(&self, tenant: &TenantId, group: &GroupId) -> &Group {
        let known = self.tenants.get(tenant).and_then(|routes| routes.groups.get(group));
        known.map_or(&UNKNOWN, |entry| &entry.state)
    }

    /// Whether a recipient is a member of a group, directly or by a group in it.
    #[must_use]
    pub fn is_member(&self, tenant: &TenantId, group: &GroupId, recipient: &RecipientId) -> bool {
        let Some(routes) = self.tenants.get(tenant) else { return false };
        routes.within(group).any(|(_, members)| members.recipients.contains(recipient))
    }

    /// Whether a group is this one, or lies in it.
    #[must_use]
    pub fn is_within(&self, tenant: &TenantId, group: &GroupId, inner: &GroupId) -> bool {
        let Some(routes) = self.tenants.get(tenant) else { return false };
        routes.within(group).any(|(id, _)| id == inner)
    }

    /// The first `limit` members of a group, those of the groups in it included, of which `is_wanted` says so; in the
    /// order of their ids.
    #[must_use]
    pub fn members<'i>(
        &'i self,
        tenant: &TenantId,
        group: &'i GroupId,
        limit: usize,
        is_wanted: impl Fn(&RecipientId) -> bool,
    ) -> Vec<&'i RecipientId> {
        let within = self.tenants.get(tenant).into_iter().flat_map(|routes| routes.within(group));
        let wanted = |id: &&RecipientId| is_wanted(id);
        let first = |members: &'i Members| members.recipients.iter().filter(wanted).take(limit);
        let firsts: BTreeSet<_> = within.flat_map(|(_, members)| first(members)).collect();
        firsts.into_iter().take(limit).collect()
    }

    /// All groups of which a recipient is a member, directly or by a group in them, in the order of their names. Looks
    /// at every group: for questions, not for sends.
    #[must_use]
    pub fn groups_of(&self, tenant: &TenantId, recipient: &RecipientId) -> Vec<&GroupId> {
        let Some(routes) = self.tenants.get(tenant) else { return vec![] };
        let direct = routes.groups.iter().filter(|(_, entry)| {
            entry.state.members().is_some_and(|members| members.recipients.contains(recipient))
        });
        let mut found: BTreeSet<&GroupId> = direct.map(|(id, _)| id).collect();
        let mut level = found.clone();
        while !level.is_empty() {
            level = routes.holders(&level).into_iter().filter(|id| found.insert(id)).collect();
        }
        found.into_iter().collect()
    }

    /// How `member` stands to `group`, in which it is to be.
    #[must_use]
    pub fn nesting(&self, tenant: &TenantId, group: &GroupId, member: &GroupId) -> Nesting {
        let Some(routes) = self.tenants.get(tenant) else { return Nesting::default() };
        Nesting {
            way_back: routes.way(member, group),
            above: routes.depth(group, |level| routes.holders(level)),
            below: routes.depth(member, |level| routes.held(level)),
        }
    }
}
