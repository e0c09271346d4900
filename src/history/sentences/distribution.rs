use schema::events::{
    DistributionEvent, NotPlanned, NotPlannedReason, OutcomeCounts, ReportVersion, SliceSums,
};

pub(super) fn of(event: &DistributionEvent) -> String {
    match event {
        DistributionEvent::ReportReceived(version) => received(version),
        DistributionEvent::SlicePlanned { slice, after, through, read_at, sums, .. } => {
            let from = after.as_ref().map_or_else(String::new, |after| format!(" behind {after}"));
            let to = through.as_ref().map_or_else(
                || "to the end: the plan is complete".to_owned(),
                |through| format!("through {through}"),
            );
            format!("slice {slice} planned{from} {to}, as of position {read_at}: {}", summed(sums))
        }
        DistributionEvent::VersionCorrected { by } => {
            format!("corrected by version {by}: what is not yet sent stays unsent")
        }
        DistributionEvent::VersionWithdrawn { reason } => {
            format!("withdrawn: {reason}; what is not yet sent stays unsent")
        }
        DistributionEvent::DistributionReconciled { sums, outcomes } => {
            format!("every delivery is closed: {}; {}", summed(sums), ended(outcomes))
        }
    }
}

fn received(version: &ReportVersion) -> String {
    let (report, name) = (&version.report, &version.version);
    let corrects = version
        .corrects
        .as_ref()
        .map_or_else(String::new, |other| format!(", which corrects {other}"));
    let said: Vec<_> =
        version.attributes.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let said = if said.is_empty() { String::new() } else { format!(" ({})", said.join(", ")) };
    let files = match version.artifacts.len() {
        0 => "no file".to_owned(),
        1 => "1 file".to_owned(),
        count => format!("{count} files"),
    };
    format!(
        "{report} {name} came in{corrects}{said} with {files}, to be sent until {}",
        version.deadline
    )
}

fn summed(sums: &SliceSums) -> String {
    let mut told = format!("{} of {} planned", sums.planned, sums.considered);
    for (reason, count) in &sums.not_planned {
        told.push_str(&format!(", {count} not ({})", reason.as_str()));
    }
    told
}

fn ended(outcomes: &OutcomeCounts) -> String {
    let counts = [
        (outcomes.delivered, "delivered"),
        (outcomes.accepted, "accepted"),
        (outcomes.dead_lettered, "dead-lettered"),
        (outcomes.cancelled, "cancelled"),
        (outcomes.expired, "expired"),
        (outcomes.suppressed, "suppressed"),
    ];
    let some = counts.iter().filter(|(count, _)| *count > 0);
    let told: Vec<_> = some.map(|(count, how)| format!("{count} {how}")).collect();
    if told.is_empty() { "nothing was to be sent".to_owned() } else { told.join(", ") }
}

/// The decision against one pair.
pub(crate) fn not_planned(decision: &NotPlanned) -> String {
    let NotPlanned { recipient, subscription, subscription_version, group, reason: why } = decision;
    let member = super::membership(group.as_ref());
    format!(
        "not planned for {recipient} by subscription {subscription} (version {subscription_version}){member}: {}",
        reason(*why)
    )
}

/// Why a pair leads to no delivery, as the end of a sentence.
pub(crate) const fn reason(reason: NotPlannedReason) -> &'static str {
    match reason {
        NotPlannedReason::AttributesDiffer => "the version's attributes are not those asked for",
        NotPlannedReason::Paused => "the subscription was paused",
        NotPlannedReason::NotEntitled => "no valid grant covered the report",
        NotPlannedReason::NoAddress => "no active address on any channel the subscription names",
        NotPlannedReason::NoFormat => {
            "the version has no file in any format the subscription names"
        }
        NotPlannedReason::SameDelivery => "another subscription leads to the same delivery",
        NotPlannedReason::RecipientRetired => "the recipient was retired",
        NotPlannedReason::Withdrawn => {
            "the version was withdrawn or corrected before it was planned"
        }
        NotPlannedReason::SuppressedAddress => {
            "every active address on the channels the subscription names was suppressed"
        }
        NotPlannedReason::AfterDeadline => "the time it is wanted at lies behind its deadline",
        NotPlannedReason::UnknownCalendar => "the calendar it goes by was removed",
    }
}
