use schema::events::{
    AttemptOutcome, CancelReason, DeadLetterReason, DeliveryEvent, DeliveryPlan, EntryMark,
    Evidence, NextStep, OnTimeAnswer, Resolution, SuppressReason,
};
use schema::{Fault, Planned, Proof, Receipt, TimingRule};

pub(super) fn of(event: &DeliveryEvent) -> String {
    match event {
        DeliveryEvent::DeliveryScheduled(plan) => scheduled(plan),
        DeliveryEvent::AttemptStarted { attempt, node, address_revision } => {
            format!(
                "attempt {attempt} began on node {node}, to revision {address_revision} of the address"
            )
        }
        DeliveryEvent::AttemptEnded { attempt, elapsed_us, outcome, .. } => {
            ended(*attempt, *elapsed_us, outcome)
        }
        DeliveryEvent::DoubtResolved { attempt, resolution, next, .. } => {
            resolved(*attempt, *resolution, next.as_ref())
        }
        DeliveryEvent::DeliveryCancelled { reason } => cancelled(reason),
        DeliveryEvent::DeliveryExpired { deadline } => {
            format!("expired: its deadline was {deadline}")
        }
        DeliveryEvent::DeliverySuppressed { reason } => {
            format!("held back before sending: {}", suppressed(*reason))
        }
        DeliveryEvent::EvidenceRecorded { evidence } => learned(evidence),
        DeliveryEvent::EntryMarked { mark } => marked(mark),
        DeliveryEvent::DeliveryRescheduled { planned } => match planned {
            None => "to be sent at once now: what its time goes by has changed".to_owned(),
            Some(planned) => {
                format!("to be sent {} now: what its time goes by has changed", when(planned))
            }
        },
    }
}

/// A planned instant with its grounds.
fn when(planned: &Planned) -> String {
    let rules = planned.rules.iter().map(|rule| match rule {
        TimingRule::LocalTime => "the time of the day asked for",
        TimingRule::BusinessDay => "a business day",
        TimingRule::QuietHours => "the end of quiet hours",
        TimingRule::ClockForward => "the end of a leap of the clocks",
        TimingRule::ClockBack => "the first of two such times",
    });
    let rules = rules.collect::<Vec<_>>().join(", ");
    format!("at {} ({rules} in {})", planned.due, planned.zone)
}

fn scheduled(plan: &DeliveryPlan) -> String {
    let again = plan
        .resend_of
        .map_or_else(String::new, |id| format!(" as repetition {} of {id}", plan.resend));
    format!(
        "planned{again} for {} by {} to address {}, because of subscription {} (version {}){} \
         under grant {}, until {}{}",
        plan.recipient,
        plan.channel,
        plan.address,
        plan.subscription,
        plan.subscription_version,
        super::membership(plan.group.as_ref()),
        plan.grant,
        plan.deadline,
        plan.planned.as_ref().map_or_else(String::new, |planned| format!(", {}", when(planned))),
    )
}

fn ended(attempt: u32, elapsed_us: Option<u64>, outcome: &AttemptOutcome) -> String {
    let took = elapsed_us.map_or_else(String::new, |us| format!(" after {}", milliseconds(us)));
    match outcome {
        AttemptOutcome::Succeeded { receipt } => {
            format!("attempt {attempt} was {}{took}: {}", proof(receipt), sent(receipt))
        }
        AttemptOutcome::Failed { fault, next } => {
            format!("attempt {attempt} failed{took}: {}; {}", told(fault), follows(next))
        }
        AttemptOutcome::InDoubt { code, next } => {
            format!("attempt {attempt} may have arrived ({code}); {}", follows(next))
        }
    }
}

fn milliseconds(us: u64) -> String {
    format!("{}.{} ms", us / 1_000, us % 1_000 / 100)
}

const fn proof(receipt: &Receipt) -> &'static str {
    match receipt.proof {
        Proof::Delivered => "delivered",
        Proof::Accepted => "accepted",
    }
}

fn sent(receipt: &Receipt) -> String {
    let digest = receipt.content_sha256.to_string();
    let digest = digest.get(..12).unwrap_or(&digest).to_owned();
    format!(
        "answer {}, {} bytes sent with SHA-256 {digest}…",
        receipt.status, receipt.content_bytes
    )
}

fn told(fault: &Fault) -> String {
    let asked =
        fault.retry_after_ms.map_or_else(String::new, |ms| format!(", asked to wait {ms} ms"));
    format!("{} ({}){asked}", fault.code, fault.class)
}

fn follows(next: &NextStep) -> String {
    match next {
        NextStep::RetryAt { at } => format!("next try not before {at}"),
        NextStep::DeadLettered { reason } => format!("given up: {}", given_up(*reason)),
        NextStep::Held => "held until a person says whether it arrived".to_owned(),
    }
}

const fn given_up(reason: DeadLetterReason) -> &'static str {
    match reason {
        DeadLetterReason::NotRetryable => "this kind of failure does not pass",
        DeadLetterReason::AttemptsExhausted => "all attempts are used",
        DeadLetterReason::DeadlinePassed => "the next try would come after the deadline",
        DeadLetterReason::ResolvedNotArrived => "it had not arrived and no attempt is left",
    }
}

fn resolved(attempt: u32, resolution: Resolution, next: Option<&NextStep>) -> String {
    let found = match resolution {
        Resolution::Arrived => "had arrived",
        Resolution::NotArrived => "had not arrived",
    };
    let then = next.map_or_else(|| "closed as accepted".to_owned(), follows);
    format!("a person found that attempt {attempt} {found}; {then}")
}

fn cancelled(reason: &CancelReason) -> String {
    match reason {
        CancelReason::Requested { reason } => format!("called off: {reason}"),
        CancelReason::Withdrawn => "called off: the version was withdrawn".to_owned(),
        CancelReason::Corrected => "called off: a later version corrects it".to_owned(),
    }
}

const fn suppressed(reason: SuppressReason) -> &'static str {
    match reason {
        SuppressReason::Unsubscribed => "the subscription has ended",
        SuppressReason::Paused => "the subscription is paused",
        SuppressReason::NotEntitled => "no valid grant covers the report any more",
        SuppressReason::AddressRetired => "the address was retired",
        SuppressReason::RecipientRetired => "the recipient was retired or its data erased",
        SuppressReason::AddressSuppressed => "the address is suppressed",
        SuppressReason::NotMember => "the recipient is no member of the subscribed group any more",
    }
}

fn marked(mark: &EntryMark) -> String {
    match mark {
        EntryMark::Read => "read in the inbox".to_owned(),
        EntryMark::Acknowledged => "acknowledged in the inbox".to_owned(),
        EntryMark::Snoozed { until } => format!("put off in the inbox until {until}"),
        EntryMark::Unsnoozed => "put off in the inbox no longer".to_owned(),
    }
}

fn learned(evidence: &Evidence) -> String {
    match evidence {
        Evidence::LateSuccess { attempt, receipt } => {
            format!("attempt {attempt} had worked after all: {}, {}", proof(receipt), sent(receipt))
        }
        Evidence::LateFailure { attempt, fault } => {
            format!("attempt {attempt} had not worked: {}", told(fault))
        }
        Evidence::Bounced { fault } => format!("came back after it was accepted: {}", told(fault)),
        Evidence::Resent { delivery, resend } => {
            format!("sent once more as delivery {delivery} (repetition {resend})")
        }
        Evidence::Complained { complaint } => format!("complained of as {}", complaint.as_str()),
        Evidence::AutoReplied => "answered by a machine: the mailbox is there".to_owned(),
        Evidence::OnTimeAnswered { answer, via } => {
            let came = match answer {
                OnTimeAnswer::OnTime => "on time",
                OnTimeAnswer::Late => "too late",
            };
            format!("the recipient says in the {} that it came {came}", via.as_str())
        }
    }
}
