//! One value at least of every event, with every kind of choice inside it: what the golden files spell.

#![expect(clippy::unwrap_used, reason = "samples are well-formed")]

mod groups;
mod upkeep;

use std::collections::BTreeMap;

use super::{
    ArtifactRef, AttemptOutcome, CancelReason, DeadLetterReason, DeliveryEvent, DeliveryPlan,
    DistributionEvent, EntryMark, Evidence, LedgerEvent, NextStep, NotPlanned, NotPlannedReason,
    OutcomeCounts, RecipientEvent, RecipientKind, RecipientProfile, ReportEvent, ReportProfile,
    ReportVersion, Resolution, RetireReason, SliceSums, SubscriptionBody, SubscriptionEvent,
    SuppressReason,
};
use crate::{
    AttributeValue, ChannelKind, DeliveryId, DistributionId, FailureClass, Fault, Format, Position,
    Preferences, Proof, Receipt, ReportSelector, RetrySchedule, Sealed, Selector, Sha256,
    Timestamp, Timing,
};

const NOW: Timestamp = Timestamp::from_unix_micros(1_795_392_000_000_000);
const LATER: Timestamp = Timestamp::from_unix_micros(1_795_395_600_000_001);

pub(super) fn samples() -> Vec<LedgerEvent> {
    fn of<E: Into<LedgerEvent>>(events: Vec<E>) -> impl Iterator<Item = LedgerEvent> {
        events.into_iter().map(Into::into)
    }
    of(upkeep::tenants())
        .chain(of(upkeep::api_keys()))
        .chain(of(reports()))
        .chain(of(recipients()))
        .chain(of(groups::groups()))
        .chain(of(subscriptions()))
        .chain(of(distributions()))
        .chain(of(deliveries()))
        .collect()
}

fn name<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn sealed(tag: &str) -> Sealed {
    Sealed { key: text("kkkk"), ciphertext: text("cccc"), tag: text(tag) }
}

fn reports() -> Vec<ReportEvent> {
    let profile = || ReportProfile {
        title: text("Risk"),
        owner: text("desk-7"),
        deadline_s: 3600,
        columns: vec![],
        self_service: false,
    };
    vec![
        ReportEvent::ReportRegistered(profile()),
        ReportEvent::ReportChanged(profile()),
        ReportEvent::ReportRetired { reason: text("replaced") },
    ]
}

fn recipients() -> Vec<RecipientEvent> {
    let profile = |kind, name| RecipientProfile {
        kind,
        name,
        locale: text("en-GB"),
        zone: self::name("Europe/London"),
    };
    let added = |channel| RecipientEvent::AddressAdded {
        address: name("work"),
        channel,
        value: sealed("a"),
        destination: name("d1"),
        revision: 1,
    };
    let granted =
        |report, until| RecipientEvent::EntitlementGranted { grant: name("desk"), report, until };
    let retired = |reason| RecipientEvent::AddressRetired { address: name("work"), reason };
    vec![
        RecipientEvent::RecipientRegistered(profile(RecipientKind::Person, Some(sealed("n")))),
        RecipientEvent::RecipientRegistered(profile(RecipientKind::Team, None)),
        RecipientEvent::RecipientRegistered(profile(RecipientKind::System, None)),
        RecipientEvent::RecipientChanged(profile(RecipientKind::Person, None)),
        added(ChannelKind::Mail),
        added(ChannelKind::Webhook),
        RecipientEvent::AddressChanged {
            address: name("work"),
            value: sealed("b"),
            destination: name("d2"),
            revision: 2,
        },
        retired(RetireReason::Requested),
        retired(RetireReason::Gone),
        granted(ReportSelector::Every, None),
        granted(ReportSelector::Named(name("risk")), Some(LATER)),
        RecipientEvent::EntitlementRevoked { grant: name("desk"), reason: text("left") },
        RecipientEvent::RecipientRetired { reason: text("left") },
    ]
}

fn subscriptions() -> Vec<SubscriptionEvent> {
    let plain = || SubscriptionBody {
        recipient: name("ada"),
        selector: Selector { report: ReportSelector::Every, attributes: BTreeMap::new() },
        preferences: Preferences {
            channels: vec![ChannelKind::Mail],
            formats: vec![],
            deadline_s: None,
            timing: Timing::default(),
        },
    };
    let values =
        vec![AttributeValue::Bool(true), AttributeValue::Int(-7), AttributeValue::Text(text("EU"))];
    let selector = Selector {
        report: ReportSelector::Named(name("risk")),
        attributes: BTreeMap::from([(text("region"), values)]),
    };
    let preferences = Preferences {
        channels: vec![ChannelKind::Webhook, ChannelKind::Mail],
        formats: Format::ALL.to_vec(),
        deadline_s: Some(60),
        timing: Timing::default(),
    };
    let full = || SubscriptionBody {
        selector: selector.clone(),
        preferences: preferences.clone(),
        ..plain()
    };
    let paused = |until| SubscriptionEvent::SubscriptionPaused {
        version: 3,
        until,
        reason: text("holidays"),
    };
    let mut events = vec![
        SubscriptionEvent::Subscribed { version: 1, body: plain() },
        SubscriptionEvent::Subscribed { version: 1, body: full() },
        SubscriptionEvent::SubscriptionChanged { version: 2, body: full() },
        paused(None),
        paused(Some(LATER)),
        SubscriptionEvent::SubscriptionResumed { version: 4 },
        SubscriptionEvent::Unsubscribed { version: 5, reason: text("one_click") },
    ];
    events.extend(groups::of_a_group());
    events
}

fn versions() -> [ReportVersion; 2] {
    let plain = ReportVersion {
        report: name("risk"),
        version: name("2026-11-23"),
        digest: Sha256::of(b"version"),
        title: text("Risk"),
        attributes: BTreeMap::new(),
        artifacts: vec![],
        frame: None,
        corrects: None,
        received_at: NOW,
        deadline: LATER,
    };
    let attributes = BTreeMap::from([
        (text("final"), AttributeValue::Bool(false)),
        (text("region"), AttributeValue::Text(text("EU"))),
        (text("rows"), AttributeValue::Int(i64::MAX)),
    ]);
    let artifact = ArtifactRef {
        name: text("risk.csv"),
        format: Format::Csv,
        sha256: Sha256::of(b"a,b\n"),
        size_bytes: 4,
    };
    let artifacts = vec![artifact];
    let full = ReportVersion { attributes, artifacts, corrects: Some(name("v1")), ..plain.clone() };
    [plain, full]
}

fn distributions() -> Vec<DistributionEvent> {
    let mut events: Vec<_> =
        versions().into_iter().map(DistributionEvent::ReportReceived).collect();
    let none = SliceSums { considered: 1, planned: 1, not_planned: BTreeMap::new() };
    let [reasons @ .., _later, _after_deadline, _unknown_calendar] = NotPlannedReason::ALL;
    let every_reason = SliceSums {
        considered: 9,
        planned: 1,
        not_planned: reasons.into_iter().map(|reason| (reason, 1)).collect(),
    };
    let not_planned = |reason| NotPlanned {
        recipient: name("ada"),
        subscription: name("s1"),
        subscription_version: 2,
        group: None,
        reason,
    };
    events.push(DistributionEvent::SlicePlanned {
        slice: 0,
        after: None,
        through: Some(name("m")),
        read_at: Position(9),
        sums: none,
        decisions: vec![],
    });
    events.push(DistributionEvent::SlicePlanned {
        slice: 1,
        after: Some(name("m")),
        through: None,
        read_at: Position(12),
        sums: every_reason.clone(),
        decisions: reasons.map(not_planned).to_vec(),
    });
    let outcomes = OutcomeCounts {
        delivered: 1,
        accepted: 2,
        dead_lettered: 3,
        cancelled: 4,
        expired: 5,
        suppressed: 6,
    };
    events.push(DistributionEvent::VersionCorrected { by: name("v2") });
    events.push(DistributionEvent::VersionWithdrawn { reason: text("wrong data") });
    events.push(DistributionEvent::DistributionReconciled { sums: every_reason, outcomes });
    events
}

pub(super) fn plans() -> [DeliveryPlan; 2] {
    let distribution = DistributionId::of(&name("acme"), &name("risk"), &name("2026-11-23"));
    let planned = DeliveryPlan {
        distribution,
        report: name("risk"),
        version: name("2026-11-23"),
        recipient: name("ada"),
        channel: ChannelKind::Mail,
        subscription: name("s1"),
        subscription_version: 2,
        group: None,
        grant: name("desk"),
        slice: 0,
        address: name("work"),
        destination: name("d1"),
        format: None,
        received_at: NOW,
        deadline: LATER,
        retry: RetrySchedule {
            base_ms: 60_000,
            cap_ms: 14_400_000,
            attempt_limit: 10,
            retry_after_cap_ms: 14_400_000,
            doubt_limit: 1,
        },
        resend_of: None,
        resend: 0,
        planned: None,
    };
    let mail = ChannelKind::Mail;
    let original = DeliveryId::of(distribution, NOW, &planned.recipient, mail, 0);
    let (format, resend_of) = (Some(Format::Pdf), Some(original));
    let again = DeliveryPlan { format, resend_of, resend: 1, ..planned.clone() };
    [planned, again]
}

fn receipt(proof: Proof, reply: Option<Sealed>) -> Receipt {
    Receipt { proof, status: 250, content_sha256: Sha256::of(b"mail"), content_bytes: 4, reply }
}

fn fault(class: FailureClass) -> Fault {
    Fault { class, code: text("smtp.4.2.2"), reply: None, retry_after_ms: None }
}

fn told_fault() -> Fault {
    let (reply, retry_after_ms) = (Some(sealed("r")), Some(30_000));
    Fault { reply, retry_after_ms, ..fault(FailureClass::Throttled) }
}

fn steps() -> Vec<NextStep> {
    let reasons = [
        DeadLetterReason::NotRetryable,
        DeadLetterReason::AttemptsExhausted,
        DeadLetterReason::DeadlinePassed,
        DeadLetterReason::ResolvedNotArrived,
    ];
    let mut steps = vec![NextStep::RetryAt { at: LATER }, NextStep::Held];
    steps.extend(reasons.map(|reason| NextStep::DeadLettered { reason }));
    steps
}

fn outcomes() -> Vec<AttemptOutcome> {
    let accepted = receipt(Proof::Accepted, Some(sealed("r")));
    let mut outcomes = vec![
        AttemptOutcome::Succeeded { receipt: receipt(Proof::Delivered, None) },
        AttemptOutcome::Succeeded { receipt: accepted },
        AttemptOutcome::Failed { fault: told_fault(), next: NextStep::RetryAt { at: LATER } },
    ];
    let gone = || fault(FailureClass::Transient);
    outcomes.extend(steps().into_iter().map(|next| AttemptOutcome::Failed { fault: gone(), next }));
    outcomes.extend(FailureClass::ALL.map(|class| AttemptOutcome::Failed {
        fault: fault(class),
        next: NextStep::RetryAt { at: LATER },
    }));
    for next in [NextStep::RetryAt { at: LATER }, NextStep::Held] {
        outcomes.push(AttemptOutcome::InDoubt { code: text("lease_ended"), next });
    }
    outcomes
}

fn deliveries() -> Vec<DeliveryEvent> {
    let mut events: Vec<_> = plans().into_iter().map(DeliveryEvent::DeliveryScheduled).collect();
    events.push(DeliveryEvent::AttemptStarted {
        attempt: 1,
        node: text("n1"),
        address_revision: 2,
    });
    events.extend(outcomes().into_iter().map(|outcome| DeliveryEvent::AttemptEnded {
        attempt: 1,
        sent_at: Some(NOW),
        elapsed_us: Some(1500),
        outcome,
    }));
    let outcome = AttemptOutcome::InDoubt { code: text("lease_ended"), next: NextStep::Held };
    let (sent_at, elapsed_us) = (None, None);
    events.push(DeliveryEvent::AttemptEnded { attempt: 2, sent_at, elapsed_us, outcome });
    events.extend(resolutions());
    events.extend(closings());
    events.extend(evidence().map(|evidence| DeliveryEvent::EvidenceRecorded { evidence }));
    events.extend(marks().map(|mark| DeliveryEvent::EntryMarked { mark }));
    events
}

fn resolutions() -> [DeliveryEvent; 2] {
    let resolved = |resolution, next| DeliveryEvent::DoubtResolved {
        attempt: 1,
        resolution,
        note: text("asked"),
        next,
    };
    [
        resolved(Resolution::Arrived, None),
        resolved(Resolution::NotArrived, Some(NextStep::RetryAt { at: LATER })),
    ]
}

fn closings() -> Vec<DeliveryEvent> {
    let cancelled = [
        CancelReason::Requested { reason: text("by phone") },
        CancelReason::Withdrawn,
        CancelReason::Corrected,
    ];
    let suppressed = [
        SuppressReason::Unsubscribed,
        SuppressReason::Paused,
        SuppressReason::NotEntitled,
        SuppressReason::AddressRetired,
        SuppressReason::RecipientRetired,
    ];
    let mut events = vec![DeliveryEvent::DeliveryExpired { deadline: LATER }];
    events.extend(cancelled.map(|reason| DeliveryEvent::DeliveryCancelled { reason }));
    events.extend(suppressed.map(|reason| DeliveryEvent::DeliverySuppressed { reason }));
    events
}

fn evidence() -> [Evidence; 4] {
    let [planned, _] = plans();
    let mail = ChannelKind::Mail;
    let delivery = DeliveryId::of(planned.distribution, NOW, &planned.recipient, mail, 1);
    [
        Evidence::LateSuccess { attempt: 1, receipt: receipt(Proof::Accepted, None) },
        Evidence::LateFailure { attempt: 1, fault: told_fault() },
        Evidence::Bounced { fault: fault(FailureClass::RecipientPermanent) },
        Evidence::Resent { delivery, resend: 1 },
    ]
}

const fn marks() -> [EntryMark; 4] {
    let snoozed = EntryMark::Snoozed { until: LATER };
    [EntryMark::Read, EntryMark::Acknowledged, snoozed, EntryMark::Unsnoozed]
}
