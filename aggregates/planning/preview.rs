use schema::events::{NotPlannedReason, ReportVersion};
use schema::{
    Addressee, ChannelKind, Format, Planned, RecipientId, SubscriptionId, TenantId, Timestamp,
};

use super::matching;
use crate::routing::RoutingIndex;
use crate::subscription::Subscription;

/// Which version is tried with which subscription, as if it came in at `now`.
#[derive(Clone, Copy, Debug)]
pub struct PreviewRequest<'r> {
    /// Whose.
    pub tenant: &'r TenantId,
    /// The subscription as it would stand.
    pub subscription: &'r Subscription,
    /// Under which name, where it has one: as it stands now under that name it leads to nothing.
    pub id: Option<&'r SubscriptionId>,
    /// The version. That it was withdrawn or corrected since plays no part.
    pub version: &'r ReportVersion,
    /// The last recipient of the part before; the beginning, when absent.
    pub after: Option<&'r RecipientId>,
    /// Recipients of this part, at most.
    pub limit: usize,
    /// The time by which pauses, grants and suppressions are judged.
    pub now: Timestamp,
}

/// What would become of a version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// Whether the subscription's selector speaks of it. Where it does not, nobody is looked at.
    pub is_match: bool,
    /// One per recipient, in the order of their ids.
    pub decisions: Vec<Previewed>,
    /// The last recipient of this part; absent when nobody is left.
    pub through: Option<RecipientId>,
}

/// What would become of one pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Previewed {
    /// Who.
    pub recipient: RecipientId,
    /// The delivery, or why there would be none.
    pub decision: Result<Would, NotPlannedReason>,
}

/// The delivery it would lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Would {
    /// On which channel.
    pub channel: ChannelKind,
    /// In which format; all files as published, when absent.
    pub format: Option<Format>,
    /// When, where that is not at once.
    pub planned: Option<Planned>,
    /// Another subscription that leads to this delivery already.
    pub same_delivery: Option<SubscriptionId>,
}

/// Says what would become of a version, by the rules that [`super::plan_slice`] goes by.
#[must_use]
pub fn preview(index: &RoutingIndex, request: PreviewRequest<'_>) -> Preview {
    let PreviewRequest { tenant, subscription, version, after, limit, .. } = request;
    let Some(body) = subscription.body().filter(|body| matching::wants(&body.selector, version))
    else {
        return Preview::default();
    };
    let version = &received_now(version, request.now);
    let request = PreviewRequest { version, ..request };
    let is_left = |recipient: &RecipientId| {
        after.is_none_or(|last| recipient > last) && !subscription.has_opted_out(recipient)
    };
    let mut recipients: Vec<&RecipientId> = match &body.subscriber {
        Addressee::Recipient(recipient) => {
            Some(recipient).filter(|id| is_left(id)).into_iter().collect()
        }
        Addressee::Group(group) => index.members(tenant, group, limit.saturating_add(1), is_left),
    };
    let is_last = recipients.len() <= limit;
    recipients.truncate(limit);
    let through = recipients.last().filter(|_| !is_last).map(|last| (*last).clone());
    let decided = recipients.into_iter().map(|recipient| {
        let decision = decide(index, request, recipient);
        Previewed { recipient: recipient.clone(), decision }
    });
    Preview { is_match: true, decisions: decided.collect(), through }
}

/// The version as if it had come in now: its deadline is as far away as it was then.
fn received_now(version: &ReportVersion, now: Timestamp) -> ReportVersion {
    let patience_us = version.deadline.micros_since(version.received_at);
    let deadline = Timestamp::from_unix_micros(now.unix_micros().saturating_add(patience_us));
    ReportVersion { received_at: now, deadline, ..version.clone() }
}

fn decide(
    index: &RoutingIndex,
    request: PreviewRequest<'_>,
    recipient: &RecipientId,
) -> Result<Would, NotPlannedReason> {
    let PreviewRequest { tenant, subscription, id, version, now, .. } = request;
    let candidate = index.candidate(tenant, &version.report, recipient);
    let calendars = index.calendars(tenant);
    let found = matching::decide(candidate.state, subscription, version, calendars, now)?;
    let mut others = candidate.subscriptions.iter().filter(|(other, _)| Some(*other) != id);
    let leads_there = |other: &Subscription| {
        matching::decide(candidate.state, other, version, calendars, now)
            .is_ok_and(|other| other.channel == found.channel)
    };
    let same = others.find(|(_, other)| leads_there(other));
    Ok(Would {
        channel: found.channel,
        format: found.format,
        planned: found.planned,
        same_delivery: same.map(|(other, _)| (*other).clone()),
    })
}
