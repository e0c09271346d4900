use schema::{GroupId, RecipientId, SubscriptionId, TenantId};

use super::RoutingIndex;
use crate::subscription::Subscription;

/// A subscription by which a recipient gets reports.
#[derive(Clone, Debug, PartialEq)]
pub struct Own<'i> {
    /// Which.
    pub id: &'i SubscriptionId,
    /// Where it stands: not ended.
    pub state: &'i Subscription,
    /// As a member of which group, where it is a group's.
    pub group: Option<&'i GroupId>,
}

impl RoutingIndex {
    /// All subscriptions of a recipient that were not ended, its own and then those of its groups, also those it opted
    /// out of; each in the order of their names. Looks at every report and group: for questions, not for sends.
    #[must_use]
    pub fn own<'i>(&'i self, tenant: &TenantId, recipient: &RecipientId) -> Vec<Own<'i>> {
        let Some(routes) = self.tenants.get(tenant) else { return vec![] };
        let all = || routes.of_report.values().chain([&routes.of_every]);
        let mut found = vec![];
        let mut put = |ids: Option<&'i Vec<SubscriptionId>>, group| {
            for id in ids.into_iter().flatten() {
                let entry = routes.subscriptions.get(id);
                found.extend(entry.map(|entry| Own { id, state: &entry.state, group }));
            }
        };
        for speaking in all() {
            put(speaking.recipients.get(recipient), None);
        }
        for group in self.groups_of(tenant, recipient) {
            all().for_each(|speaking| put(speaking.groups.get(group), Some(group)));
        }
        found.sort_by_key(|own| (own.group.is_some(), own.id));
        found
    }
}
