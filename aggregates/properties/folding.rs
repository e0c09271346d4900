//! Any sequence of events that the store can hold adds up to something, for every aggregate: events of all kinds in any
//! order and number, not only those a decision would cause.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use schema::events::{
    AnsweredVia, AttemptOutcome, CancelReason, Complaint, DeadLetterReason, EntryMark, Evidence,
    NextStep, NotPlannedReason, OnTimeAnswer, OutcomeCounts, PauseScope, ReportProfile, Resolution,
    RetireReason, Scope, SliceSums, SuppressReason, SuppressionReason,
};
use schema::{ChannelKind, FailureClass, Position, Proof, ReportSelector};

use crate::decider::{Decider, fold};
use crate::samples::{
    NOW, body, delivery_id, fault, name, plan, profile, receipt, sealed, version, webhook_settings,
};
use crate::{api_key, delivery, distribution, recipient, report, subscription, tenant};

fn text() -> String {
    "why".to_owned()
}

fn tenants() -> Vec<tenant::Event> {
    let scope = PauseScope::Channel { channel: ChannelKind::Mail };
    let (follower, position) = (text(), Position(i64::MAX));
    vec![
        tenant::Event::TenantCreated { title: text() },
        tenant::Event::DispatchPaused { scope: scope.clone(), reason: text() },
        tenant::Event::DispatchPaused { scope: PauseScope::All, reason: text() },
        tenant::Event::DispatchResumed { scope },
        tenant::Event::EventSkipped { follower, position, reason: text() },
        tenant::Event::CalendarDefined {
            calendar: name("desk"),
            days: schema::Calendar::weekdays(),
        },
        tenant::Event::CalendarRemoved { calendar: name("desk") },
        tenant::Event::LossAccepted { head: Position(1), known: position, reason: text() },
    ]
}

fn keys() -> Vec<api_key::Event> {
    let scopes = BTreeSet::from([Scope::Read]);
    vec![
        api_key::Event::ApiKeyIssued {
            limits: schema::events::KeyLimits::default(),
            title: text(),
            secret_hash: text(),
            scopes,
            expires_at: Some(NOW),
        },
        api_key::Event::ApiKeyRevoked { reason: text() },
    ]
}

fn reports() -> Vec<report::Event> {
    let profile = ReportProfile {
        title: text(),
        owner: text(),
        deadline_s: 1,
        columns: vec![],
        self_service: false,
    };
    vec![
        report::Event::ReportRegistered(profile.clone()),
        report::Event::ReportChanged(profile),
        report::Event::ReportRetired { reason: text() },
    ]
}

fn recipients() -> Vec<recipient::Event> {
    use recipient::Event;
    let (address, destination) = (name("work"), name("d1"));
    let (value, channel) = (sealed("a@x"), ChannelKind::Mail);
    let again = Event::AddressChanged {
        address: name("work"),
        value: sealed("b@x"),
        destination: name("d2"),
        revision: u32::MAX,
    };
    vec![
        Event::RecipientRegistered(profile()),
        Event::RecipientChanged(profile()),
        Event::AddressAdded { address, channel, value, destination, revision: u32::MAX },
        again,
        Event::AddressRetired { address: name("work"), reason: RetireReason::Requested },
        Event::AddressBouncedSoftly {
            address: name("work"),
            revision: u32::MAX,
            delivery: delivery_id(0),
            at: NOW,
        },
        Event::AddressSuppressed {
            address: name("work"),
            revision: 0,
            reason: SuppressionReason::HardBounce,
            until: Some(NOW),
            delivery: None,
        },
        Event::SuppressionLifted { address: name("work"), reason: text() },
        Event::WebhookConfigured { address: name("work"), settings: webhook_settings() },
        Event::EntitlementGranted {
            grant: name("desk"),
            report: ReportSelector::Every,
            until: None,
        },
        Event::EntitlementRevoked { grant: name("desk"), reason: text() },
        Event::RecipientRetired { reason: text() },
    ]
}

fn subscriptions() -> Vec<subscription::Event> {
    use subscription::Event;
    let version = u32::MAX;
    vec![
        Event::Subscribed { version, body: body("ada", "risk") },
        Event::SubscriptionChanged { version, body: body("bob", "*") },
        Event::SubscriptionPaused { version, until: Some(NOW), reason: text() },
        Event::SubscriptionResumed { version },
        Event::Unsubscribed { version, reason: text() },
    ]
}

fn distributions() -> Vec<distribution::Event> {
    use distribution::Event;
    let not_planned = BTreeMap::from([(NotPlannedReason::Paused, u64::MAX)]);
    let sums = SliceSums { considered: u64::MAX, planned: u64::MAX, not_planned };
    let slice = |through| Event::SlicePlanned {
        slice: u32::MAX,
        after: None,
        through,
        read_at: Position(i64::MIN),
        sums: sums.clone(),
        decisions: vec![],
    };
    vec![
        Event::ReportReceived(version(BTreeMap::new(), vec![])),
        slice(None),
        slice(Some(name("ada"))),
        Event::VersionCorrected { by: name("v2") },
        Event::VersionWithdrawn { reason: text() },
        Event::DistributionReconciled { sums: sums.clone(), outcomes: OutcomeCounts::default() },
    ]
}

fn outcomes() -> Vec<AttemptOutcome> {
    let steps = [
        NextStep::RetryAt { at: NOW },
        NextStep::DeadLettered { reason: DeadLetterReason::NotRetryable },
        NextStep::Held,
    ];
    let fault = || fault(FailureClass::Unknown);
    let failed = steps.clone().map(|next| AttemptOutcome::Failed { fault: fault(), next });
    let doubts = steps.map(|next| AttemptOutcome::InDoubt { code: text(), next });
    let worked = [Proof::Accepted, Proof::Delivered]
        .map(|proof| AttemptOutcome::Succeeded { receipt: receipt(proof) });
    worked.into_iter().chain(failed).chain(doubts).collect()
}

fn deliveries() -> Vec<delivery::Event> {
    use delivery::Event;
    let mut events = vec![
        Event::DeliveryScheduled(plan()),
        Event::DeliveryCancelled { reason: CancelReason::Withdrawn },
        Event::DeliveryExpired { deadline: NOW },
        Event::DeliverySuppressed { reason: SuppressReason::Paused },
    ];
    let fault = || fault(FailureClass::Transient);
    for mark in [EntryMark::Acknowledged, EntryMark::Snoozed { until: NOW }, EntryMark::Unsnoozed] {
        events.push(Event::EntryMarked { mark });
    }
    events.push(Event::DeliveryRescheduled { planned: None });
    for attempt in [0, 1, 2, u32::MAX] {
        events.push(Event::AttemptStarted { attempt, node: text(), address_revision: 1 });
        for outcome in outcomes() {
            events.push(Event::AttemptEnded { attempt, sent_at: None, elapsed_us: None, outcome });
        }
        for next in [None, Some(NextStep::Held), Some(NextStep::RetryAt { at: NOW })] {
            let resolution = Resolution::NotArrived;
            events.push(Event::DoubtResolved { attempt, resolution, note: text(), next });
        }
        for evidence in [
            Evidence::LateSuccess { attempt, receipt: receipt(Proof::Accepted) },
            Evidence::LateFailure { attempt, fault: fault() },
            Evidence::Bounced { fault: fault() },
            Evidence::Resent { delivery: delivery_id(attempt), resend: attempt },
            Evidence::Complained { complaint: Complaint::Abuse },
            Evidence::AutoReplied,
            Evidence::OnTimeAnswered { answer: OnTimeAnswer::Late, via: AnsweredVia::Mail },
        ] {
            events.push(Event::EvidenceRecorded { evidence });
        }
    }
    events
}

fn any_of<E: Clone + std::fmt::Debug + 'static>(events: Vec<E>) -> impl Strategy<Value = Vec<E>> {
    prop::collection::vec(prop::sample::select(events), 0..25)
}

/// Folds without panic, and the sum can be written down and read back.
fn folds<D: Decider>(events: &[D::Event]) -> D::State {
    let state = fold::<D>(events);
    let text = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<D::State>(&text).unwrap(), state);
    state
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_events_of_the_small_rooms_add_up(
        tenants in any_of(tenants()),
        keys in any_of(keys()),
        reports in any_of(reports()),
    ) {
        folds::<tenant::Rules>(&tenants);
        folds::<api_key::Rules>(&keys);
        folds::<report::Rules>(&reports);
    }

    #[test]
    fn any_events_of_a_recipient_add_up(events in any_of(recipients())) {
        folds::<recipient::Rules>(&events);
    }

    #[test]
    fn any_events_of_a_subscription_add_up(events in any_of(subscriptions())) {
        folds::<subscription::Rules>(&events);
    }

    #[test]
    fn any_events_of_a_distribution_add_up(events in any_of(distributions())) {
        folds::<distribution::Rules>(&events);
    }

    #[test]
    fn any_events_of_a_delivery_add_up_and_the_first_close_stays(events in any_of(deliveries())) {
        folds::<delivery::Rules>(&events);
        let mut outcome = None;
        for length in 0..=events.len() {
            let state = fold::<delivery::Rules>(&events[..length]);
            if outcome.is_some() {
                prop_assert_eq!(state.outcome(), outcome);
            }
            outcome = state.outcome();
            let is_open = state.plan().is_some() && !state.is_closed();
            prop_assert_eq!(state.to_do().is_some(), is_open);
        }
    }
}
