use schema::events::ReportProfile;
use schema::{GroupId, RecipientId, ReportName, SubscriptionId, TenantId, Timestamp};

use super::RoutingIndex;
use crate::recipient::Known;
use crate::report::Report;
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

impl Own<'_> {
    /// Whether it selects any version of this report.
    #[must_use]
    pub fn speaks_of(&self, report: &ReportName) -> bool {
        self.state.body().is_some_and(|body| body.selector.report.covers(report))
    }
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

    /// The reports that a recipient may subscribe itself to at `now`: they allow it, and a grant covers them. In the
    /// order of their names.
    #[must_use]
    pub fn open_to<'i>(
        &'i self,
        tenant: &TenantId,
        recipient: &Known,
        now: Timestamp,
    ) -> Vec<(&'i ReportName, &'i ReportProfile)> {
        let reports = self.tenants.get(tenant).into_iter().flat_map(|routes| &routes.reports);
        let open = reports.filter_map(|(name, entry)| match &entry.state {
            Report::Active(profile) if profile.self_service => Some((name, profile)),
            Report::Active(_) | Report::Unknown | Report::Retired => None,
        });
        let mut found: Vec<_> =
            open.filter(|(name, _)| recipient.entitlement(name, now).is_some()).collect();
        found.sort_by_key(|(name, _)| *name);
        found
    }
}
