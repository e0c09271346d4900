use std::collections::BTreeSet;

use schema::events::{DeliveryPlan, NotPlanned, NotPlannedReason, ReportVersion, SliceSums};
use schema::{
    ChannelKind, DeliveryId, DistributionId, GroupId, RecipientId, SubscriptionId, TenantId,
    Timestamp,
};

use super::matching::{self, Match};
use super::{MAX_PAIRS, MAX_RECIPIENTS};
use crate::distribution::Slice;
use crate::retry::Schedules;
use crate::routing::{Candidate, RoutingIndex};
use crate::subscription::Subscription;
use crate::timing::Calendars;

/// Which part of which distribution is to be planned, and when.
#[derive(Clone, Copy, Debug)]
pub struct SliceRequest<'r> {
    /// Whose.
    pub tenant: &'r TenantId,
    /// The version.
    pub version: &'r ReportVersion,
    /// Which part, from 0.
    pub slice: u32,
    /// The last recipient of the part before; the beginning, when absent.
    pub after: Option<&'r RecipientId>,
    /// The time of planning: pauses and grants are judged by it.
    pub now: Timestamp,
}

/// A planned part: what the distribution records, and the deliveries it leads to.
#[derive(Clone, Debug, PartialEq)]
pub struct SlicePlan {
    /// For the distribution.
    pub slice: Slice,
    /// For the deliveries, each with its id.
    pub deliveries: Vec<(DeliveryId, DeliveryPlan)>,
}

/// Plans the next part: as many recipients in key order as [`MAX_RECIPIENTS`] and [`MAX_PAIRS`] allow, each with all
/// its subscriptions that speak of the report. `is_full` is shown the deliveries of each recipient that has any; the
/// part ends behind the first of which it says so.
#[must_use]
pub fn plan_slice(
    index: &RoutingIndex,
    schedules: &Schedules,
    request: SliceRequest<'_>,
    mut is_full: impl FnMut(&[(DeliveryId, DeliveryPlan)]) -> bool,
) -> SlicePlan {
    let SliceRequest { tenant, version, slice, after, now: _ } = request;
    let distribution = DistributionId::of(tenant, &version.report, &version.version);
    let is_stopped = index.stopped(distribution).is_some();
    let (calendars, plan) = (index.calendars(tenant), empty(index, slice));
    let mut part = Part { request, distribution, schedules, is_stopped, calendars, plan };
    part.plan.slice.after = after.cloned();
    let mut last: Option<&RecipientId> = None;
    let mut ends_here = false;
    let candidates = index.candidates(tenant, &version.report, after);
    for (recipient_count, candidate) in candidates.enumerate() {
        let pairs = part.plan.slice.sums.considered as usize + candidate.subscriptions.len();
        let is_large = recipient_count > 0 && pairs > MAX_PAIRS;
        if ends_here || is_large || recipient_count >= MAX_RECIPIENTS {
            part.plan.slice.through = last.cloned();
            break;
        }
        last = Some(candidate.recipient);
        let before = part.plan.deliveries.len();
        part.consider(&candidate);
        let own = &part.plan.deliveries[before..];
        ends_here = !own.is_empty() && is_full(own);
    }
    part.plan
}

fn empty(index: &RoutingIndex, slice: u32) -> SlicePlan {
    let slice = Slice {
        slice,
        after: None,
        through: None,
        read_at: index.read_at(),
        sums: SliceSums::default(),
        decisions: vec![],
    };
    SlicePlan { slice, deliveries: vec![] }
}

struct Part<'p> {
    request: SliceRequest<'p>,
    distribution: DistributionId,
    schedules: &'p Schedules,
    is_stopped: bool,
    calendars: &'p Calendars,
    plan: SlicePlan,
}

impl Part<'_> {
    fn consider(&mut self, candidate: &Candidate<'_>) {
        let mut taken = BTreeSet::new();
        for (id, subscription) in &candidate.subscriptions {
            self.plan.slice.sums.considered += 1;
            match self.decide(candidate, subscription, &mut taken) {
                Ok(found) => self.deliver(candidate.recipient, id, subscription, found),
                Err(reason) => self.refuse(candidate.recipient, id, subscription, reason),
            }
        }
    }

    fn decide<'c>(
        &self,
        candidate: &Candidate<'c>,
        subscription: &'c Subscription,
        taken: &mut BTreeSet<ChannelKind>,
    ) -> Result<Match<'c>, NotPlannedReason> {
        if self.is_stopped {
            return Err(NotPlannedReason::Withdrawn);
        }
        let SliceRequest { version, now, .. } = self.request;
        let found = matching::decide(candidate.state, subscription, version, self.calendars, now)?;
        if !taken.insert(found.channel) {
            return Err(NotPlannedReason::SameDelivery);
        }
        Ok(found)
    }

    fn deliver(
        &mut self,
        recipient: &RecipientId,
        id: &SubscriptionId,
        subscription: &Subscription,
        found: Match<'_>,
    ) {
        let version = self.request.version;
        let (run, received_at) = (self.distribution, version.received_at);
        let delivery = DeliveryId::of(run, received_at, recipient, found.channel, 0);
        let plan = DeliveryPlan {
            distribution: run,
            report: version.report.clone(),
            version: version.version.clone(),
            recipient: recipient.clone(),
            channel: found.channel,
            subscription: id.clone(),
            subscription_version: subscription.version(),
            group: group_of(subscription),
            grant: found.grant.clone(),
            slice: self.request.slice,
            address: found.place.address,
            destination: found.place.destination,
            format: found.format,
            received_at,
            deadline: found.deadline,
            retry: self.schedules.of(found.channel),
            resend_of: None,
            resend: 0,
            planned: found.planned,
        };
        self.plan.slice.sums.planned += 1;
        self.plan.deliveries.push((delivery, plan));
    }

    fn refuse(
        &mut self,
        recipient: &RecipientId,
        id: &SubscriptionId,
        subscription: &Subscription,
        reason: NotPlannedReason,
    ) {
        *self.plan.slice.sums.not_planned.entry(reason).or_default() += 1;
        self.plan.slice.decisions.push(NotPlanned {
            recipient: recipient.clone(),
            subscription: id.clone(),
            subscription_version: subscription.version(),
            group: group_of(subscription),
            reason,
        });
    }
}

/// The group by which a recipient comes to a subscription, unless it is its own.
fn group_of(subscription: &Subscription) -> Option<GroupId> {
    subscription.body()?.subscriber.group().cloned()
}
