use schema::events::{DeliveryPlan, RecipientEvent, SubscriptionEvent, TenantEvent};
use schema::{CalendarName, LedgerEvent, Planned, SubscriptionId, TenantId, Timestamp};

use super::RoutingIndex;
use crate::planning::planned;
use crate::recipient::Recipient;
use crate::subscription::Subscription;
use crate::timing::{self, holds_back};

impl RoutingIndex {
    /// Whether a delivery that has not begun has another time now than it was planned with: what it goes by, a
    /// preference, a zone or a calendar, may have changed since. The outer absence says that it keeps its time; the
    /// inner one, that it may be sent at once.
    ///
    /// What is late, because nobody could send it at its time, is not held back until the next such time, but by
    /// quiet hours and days off. A repetition is sent at once, always. Where a calendar was removed, nothing moves.
    #[must_use]
    pub fn retimed(
        &self,
        tenant: &TenantId,
        plan: &DeliveryPlan,
        now: Timestamp,
    ) -> Option<Option<Planned>> {
        let Recipient::Active(recipient) = self.recipient(tenant, &plan.recipient) else {
            return None;
        };
        let subscription = self.subscription(tenant, &plan.subscription)?;
        // This node may lag behind the one that planned.
        let is_behind = subscription.version() < plan.subscription_version;
        if is_behind || plan.resend_of.is_some() {
            return None;
        }
        let (timing, zone) = (&subscription.body()?.preferences.timing, recipient.profile.zone);
        let calendars = self.calendars(tenant);
        let due = plan.planned.as_ref().map(|planned| planned.due);
        let Some(come) = due.filter(|due| *due <= now) else {
            let again = planned(timing, zone, calendars, now).ok()?;
            return (again.as_ref().map(|planned| planned.due) != due).then_some(again);
        };
        let again = planned(timing, zone, calendars, come).ok()?;
        if again.as_ref().is_some_and(|planned| planned.due > now) {
            return Some(again);
        }
        let calendar = match &timing.calendar {
            Some(name) => Some(timing::known(calendars, name)?),
            None => None,
        };
        holds_back(timing, zone, calendar.as_deref(), now).map(Some)
    }

    /// A subscription that goes by a calendar, if there is one.
    #[must_use]
    pub fn goes_by(&self, tenant: &TenantId, calendar: &CalendarName) -> Option<&SubscriptionId> {
        let subscriptions = &self.tenants.get(tenant)?.subscriptions;
        let goes_by_it = |known: &Subscription| {
            known
                .body()
                .is_some_and(|body| body.preferences.timing.calendar.as_ref() == Some(calendar))
        };
        let mut found = subscriptions.iter().filter(|(_, entry)| goes_by_it(&entry.state));
        found.next().map(|(id, _)| id)
    }

    /// Counts what may move deliveries that wait for their time: changes of subscriptions, recipients and calendars.
    #[must_use]
    pub const fn timing_changes(&self) -> u64 {
        self.timing_changes.0
    }
}

/// How much was taken that may move a time. Says nothing of what is known, so it makes no index another one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Changes(u64);

impl PartialEq for Changes {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Changes {
    pub(super) fn count(&mut self, event: &LedgerEvent) {
        let may_move = match event {
            LedgerEvent::Tenant(event) => matches!(
                event,
                TenantEvent::CalendarDefined { .. } | TenantEvent::CalendarRemoved { .. }
            ),
            LedgerEvent::Recipient(event) => matches!(event, RecipientEvent::RecipientChanged(_)),
            LedgerEvent::Subscription(event) => matches!(
                event,
                SubscriptionEvent::SubscriptionChanged { .. }
                    | SubscriptionEvent::GroupSubscriptionChanged { .. }
            ),
            LedgerEvent::ApiKey(_)
            | LedgerEvent::Report(_)
            | LedgerEvent::Group(_)
            | LedgerEvent::Distribution(_)
            | LedgerEvent::Delivery(_) => false,
        };
        self.0 += u64::from(may_move);
    }
}
