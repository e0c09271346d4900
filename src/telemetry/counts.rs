//! Counts of what this process appended, event by event. Labels are names out of fixed sets, and only what the event
//! itself says: never a tenant, a destination or a delivery.

use metrics::counter;
use schema::events::{
    AttemptOutcome, DeliveryEvent, DistributionEvent, Evidence, NextStep, OnTimeAnswer,
    SubscriptionEvent,
};
use schema::{LedgerEvent, Proof, RecordedEvent};

/// Report versions received.
const REPORTS: &str = "waybill_reports_received_total";
/// Deliveries scheduled, resends included, by channel.
const SCHEDULED: &str = "waybill_deliveries_scheduled_total";
/// Deliveries closed, by outcome and reason; no reason where the outcome says all.
const CLOSED: &str = "waybill_deliveries_closed_total";
/// Attempts started.
const STARTED: &str = "waybill_attempts_started_total";
/// Attempts ended, by result (succeeded, failed, in_doubt) and, when failed, class.
const ENDED: &str = "waybill_attempts_ended_total";
/// What was learned beside or after a delivery's course, by kind.
const EVIDENCE: &str = "waybill_delivery_evidence_total";
/// Subscriptions made, changed, paused, resumed, ended.
const SUBSCRIPTIONS: &str = "waybill_subscription_changes_total";

/// Counts what was appended. To be called from the ledger's `on_append` observer, which sees each event once.
pub fn count(appended: &[RecordedEvent]) {
    for recorded in appended {
        match &recorded.event {
            LedgerEvent::Delivery(event) => delivery(event),
            LedgerEvent::Distribution(DistributionEvent::ReportReceived(_)) => {
                counter!(REPORTS).increment(1);
            }
            LedgerEvent::Subscription(event) => {
                counter!(SUBSCRIPTIONS, "change" => change(event)).increment(1);
            }
            LedgerEvent::Tenant(_)
            | LedgerEvent::ApiKey(_)
            | LedgerEvent::Report(_)
            | LedgerEvent::Recipient(_)
            | LedgerEvent::Group(_)
            | LedgerEvent::Distribution(_) => {}
        }
    }
}

fn delivery(event: &DeliveryEvent) {
    match event {
        DeliveryEvent::DeliveryScheduled(plan) => {
            counter!(SCHEDULED, "channel" => plan.channel.as_str()).increment(1);
        }
        DeliveryEvent::AttemptStarted { .. } => counter!(STARTED).increment(1),
        DeliveryEvent::AttemptEnded { outcome, .. } => ended(outcome),
        DeliveryEvent::EvidenceRecorded { evidence } => {
            counter!(EVIDENCE, "kind" => kind(evidence)).increment(1);
        }
        DeliveryEvent::EntryMarked { mark } => {
            counter!(EVIDENCE, "kind" => mark.as_str()).increment(1);
        }
        DeliveryEvent::DoubtResolved { .. }
        | DeliveryEvent::DeliveryCancelled { .. }
        | DeliveryEvent::DeliveryExpired { .. }
        | DeliveryEvent::DeliverySuppressed { .. }
        | DeliveryEvent::DeliveryRescheduled { .. } => {}
    }
    if let Some((outcome, reason)) = closed(event) {
        counter!(CLOSED, "outcome" => outcome, "reason" => reason).increment(1);
    }
}

fn ended(outcome: &AttemptOutcome) {
    let (result, class) = match outcome {
        AttemptOutcome::Succeeded { .. } => ("succeeded", ""),
        AttemptOutcome::Failed { fault, .. } => ("failed", fault.class.as_str()),
        AttemptOutcome::InDoubt { .. } => ("in_doubt", ""),
    };
    counter!(ENDED, "result" => result, "class" => class).increment(1);
}

/// How the event closes its delivery, if it does, and why.
fn closed(event: &DeliveryEvent) -> Option<(&'static str, &'static str)> {
    match event {
        DeliveryEvent::AttemptEnded { outcome, .. } => match outcome {
            AttemptOutcome::Succeeded { receipt } => Some((proof(receipt.proof), "")),
            AttemptOutcome::Failed { next, .. } | AttemptOutcome::InDoubt { next, .. } => {
                given_up(next)
            }
        },
        DeliveryEvent::DoubtResolved { next: None, .. } => Some(("accepted", "")),
        DeliveryEvent::DoubtResolved { next: Some(next), .. } => given_up(next),
        DeliveryEvent::DeliveryCancelled { reason } => Some(("cancelled", reason.as_str())),
        DeliveryEvent::DeliveryExpired { .. } => Some(("expired", "")),
        DeliveryEvent::DeliverySuppressed { reason } => Some(("suppressed", reason.as_str())),
        DeliveryEvent::DeliveryScheduled(_)
        | DeliveryEvent::AttemptStarted { .. }
        | DeliveryEvent::EvidenceRecorded { .. }
        | DeliveryEvent::EntryMarked { .. }
        | DeliveryEvent::DeliveryRescheduled { .. } => None,
    }
}

const fn given_up(next: &NextStep) -> Option<(&'static str, &'static str)> {
    match next {
        NextStep::DeadLettered { reason } => Some(("dead_lettered", reason.as_str())),
        NextStep::RetryAt { .. } | NextStep::Held => None,
    }
}

const fn proof(proof: Proof) -> &'static str {
    match proof {
        Proof::Delivered => "delivered",
        Proof::Accepted => "accepted",
    }
}

const fn kind(evidence: &Evidence) -> &'static str {
    match evidence {
        Evidence::LateSuccess { .. } => "late_success",
        Evidence::LateFailure { .. } => "late_failure",
        Evidence::Bounced { .. } => "bounced",
        Evidence::Resent { .. } => "resent",
        Evidence::Complained { .. } => "complained",
        Evidence::AutoReplied => "auto_replied",
        Evidence::OnTimeAnswered { answer: OnTimeAnswer::OnTime, .. } => "answered_on_time",
        Evidence::OnTimeAnswered { answer: OnTimeAnswer::Late, .. } => "answered_late",
    }
}

const fn change(event: &SubscriptionEvent) -> &'static str {
    match event {
        SubscriptionEvent::Subscribed { .. } | SubscriptionEvent::GroupSubscribed { .. } => {
            "subscribed"
        }
        SubscriptionEvent::SubscriptionChanged { .. }
        | SubscriptionEvent::GroupSubscriptionChanged { .. } => "changed",
        SubscriptionEvent::MemberOptedOut { .. } => "opted_out",
        SubscriptionEvent::MemberOptedIn { .. } => "opted_in",
        SubscriptionEvent::SubscriptionPaused { .. } => "paused",
        SubscriptionEvent::SubscriptionResumed { .. } => "resumed",
        SubscriptionEvent::Unsubscribed { .. } => "unsubscribed",
    }
}

#[cfg(test)]
mod tests {
    use schema::events::{CancelReason, DeadLetterReason, SuppressReason};

    use super::*;

    #[test]
    fn each_way_to_close_a_delivery_has_its_outcome_and_reason() {
        let suppressed = DeliveryEvent::DeliverySuppressed { reason: SuppressReason::NotEntitled };
        assert_eq!(closed(&suppressed), Some(("suppressed", "not_entitled")));
        let withdrawn = DeliveryEvent::DeliveryCancelled { reason: CancelReason::Withdrawn };
        assert_eq!(closed(&withdrawn), Some(("cancelled", "withdrawn")));
        let deadline = schema::Timestamp::from(chrono::DateTime::UNIX_EPOCH);
        let expired = DeliveryEvent::DeliveryExpired { deadline };
        assert_eq!(closed(&expired), Some(("expired", "")));
        let reason = DeadLetterReason::DeadlinePassed;
        let late = AttemptOutcome::InDoubt {
            code: "lease_ended".to_owned(),
            next: NextStep::DeadLettered { reason },
        };
        let ended = DeliveryEvent::AttemptEnded {
            attempt: 1,
            sent_at: None,
            elapsed_us: None,
            outcome: late,
        };
        assert_eq!(closed(&ended), Some(("dead_lettered", "deadline_passed")));
        let node = "n1".to_owned();
        let started = DeliveryEvent::AttemptStarted { attempt: 1, node, address_revision: 1 };
        assert_eq!(closed(&started), None);
    }
}
