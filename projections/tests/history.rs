#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::collections::{BTreeMap, BTreeSet};

use schema::events::{
    AnsweredVia, ApiKeyEvent, AttemptOutcome, CancelReason, DeadLetterReason, DeliveryEvent,
    DistributionEvent, EntryMark, Evidence, GroupEvent, GroupSubscriptionBody, NextStep,
    NotPlanned, NotPlannedReason, OnTimeAnswer, PauseScope, RecipientEvent, ReportEvent,
    ReportProfile, Resolution, RetireReason, Scope, SliceSums, SubscriptionBody, SubscriptionEvent,
    SuppressReason, TenantEvent,
};
use schema::{Addressee, ChannelKind, Position, Proof, ReportSelector, StreamId};

use crate::testing::{
    Log, acme, at, delivery, distribution, ended, failed, fault, plan, preferences, profile,
    sealed, selector, slice, started, succeeded, version,
};

/// A log in which everything happens at least once.
pub fn history() -> Log {
    let mut log = Log::default();
    tenants(&mut log);
    reports(&mut log);
    recipients(&mut log);
    groups(&mut log);
    subscriptions(&mut log);
    distributions(&mut log);
    deliveries(&mut log);
    calendars(&mut log);
    loss(&mut log);
    log
}

/// The same, and what came to inboxes.
pub fn history_with_inboxes() -> Log {
    let mut log = history();
    inboxes(&mut log);
    log
}

fn tenants(log: &mut Log) {
    let acme = StreamId::tenant(&acme());
    log.tell(acme.clone(), TenantEvent::TenantCreated { title: "Acme".to_owned() });
    let mail = PauseScope::Channel { channel: ChannelKind::Mail };
    let reason = "maintenance".to_owned();
    for scope in [PauseScope::All, mail.clone()] {
        let reason = reason.clone();
        log.tell(acme.clone(), TenantEvent::DispatchPaused { scope, reason });
    }
    log.tell(acme.clone(), TenantEvent::DispatchResumed { scope: mail });
    let (follower, position) = ("live".to_owned(), Position(3));
    log.tell(acme, TenantEvent::EventSkipped { follower, position, reason });
    for key in ["one", "two"] {
        log.tell(
            StreamId::api_key(&self::acme(), &key.parse().unwrap()),
            ApiKeyEvent::ApiKeyIssued {
                limits: schema::events::KeyLimits::default(),
                title: key.to_owned(),
                secret_hash: "never shown".to_owned(),
                scopes: BTreeSet::from([Scope::Read, Scope::Publish]),
                expires_at: Some(at(9_000)),
            },
        );
    }
    let two = StreamId::api_key(&self::acme(), &"two".parse().unwrap());
    log.tell(two, ApiKeyEvent::ApiKeyRevoked { reason: "lost".to_owned() });
}

fn calendars(log: &mut Log) {
    let tenant = || StreamId::tenant(&acme());
    for calendar in ["desk", "floor"] {
        let (calendar, days) = (calendar.parse().unwrap(), schema::Calendar::weekdays());
        log.tell(tenant(), TenantEvent::CalendarDefined { calendar, days });
    }
    let calendar = "floor".parse().unwrap();
    log.tell(tenant(), TenantEvent::CalendarRemoved { calendar });
}

fn loss(log: &mut Log) {
    let (head, known, reason) = (Position(3), Position(5), "no mirror".to_owned());
    log.tell(StreamId::tenant(&acme()), TenantEvent::LossAccepted { head, known, reason });
}

fn reports(log: &mut Log) {
    let profile = |title: &str| ReportProfile {
        title: title.to_owned(),
        owner: "o1".to_owned(),
        deadline_s: 60,
        columns: vec![],
        self_service: false,
    };
    for report in ["risk", "sales"] {
        let stream = StreamId::report(&acme(), &report.parse().unwrap());
        log.tell(stream.clone(), ReportEvent::ReportRegistered(profile(report)));
        log.tell(stream, ReportEvent::ReportChanged(profile("Better")));
    }
    let sales = StreamId::report(&acme(), &"sales".parse().unwrap());
    log.tell(sales, ReportEvent::ReportRetired { reason: "unread".to_owned() });
}

fn recipients(log: &mut Log) {
    for name in ["ann", "bob"] {
        log.recipient(name, RecipientEvent::RecipientRegistered(profile(name)));
        log.recipient(
            name,
            RecipientEvent::AddressAdded {
                address: "work".parse().unwrap(),
                channel: ChannelKind::Webhook,
                value: sealed("https://old"),
                destination: "dst-webhook".parse().unwrap(),
                revision: 1,
            },
        );
        log.recipient(
            name,
            RecipientEvent::EntitlementGranted {
                grant: "all".parse().unwrap(),
                report: ReportSelector::Every,
                until: Some(at(9_999)),
            },
        );
    }
    log.recipient("ann", RecipientEvent::RecipientChanged(profile("Anna")));
    log.recipient(
        "ann",
        RecipientEvent::AddressChanged {
            address: "work".parse().unwrap(),
            value: sealed("https://new"),
            destination: "dst-other".parse().unwrap(),
            revision: 2,
        },
    );
    let (address, reason) = ("work".parse().unwrap(), RetireReason::Gone);
    log.recipient("bob", RecipientEvent::AddressRetired { address, reason });
    let (grant, reason) = ("all".parse().unwrap(), "left".to_owned());
    log.recipient("bob", RecipientEvent::EntitlementRevoked { grant, reason });
    log.recipient("bob", RecipientEvent::RecipientRetired { reason: "left".to_owned() });
}

fn subscriptions(log: &mut Log) {
    let body = |recipient: &str, report: &str| SubscriptionBody {
        recipient: recipient.parse().unwrap(),
        selector: selector(report),
        preferences: preferences(),
    };
    let ann = StreamId::subscription(&acme(), &"ann-risk".parse().unwrap());
    let bob = StreamId::subscription(&acme(), &"bob-all".parse().unwrap());
    log.tell(ann.clone(), SubscriptionEvent::Subscribed { version: 1, body: body("ann", "risk") });
    log.tell(bob.clone(), SubscriptionEvent::Subscribed { version: 1, body: body("bob", "*") });
    let changed = SubscriptionEvent::SubscriptionChanged { version: 2, body: body("ann", "sales") };
    log.tell(ann.clone(), changed);
    let reason = "holiday".to_owned();
    let paused = SubscriptionEvent::SubscriptionPaused { version: 3, until: Some(at(500)), reason };
    log.tell(ann.clone(), paused);
    let reason = "one_click".to_owned();
    log.tell(bob.clone(), SubscriptionEvent::Unsubscribed { version: 2, reason });
    log.tell(ann, SubscriptionEvent::SubscriptionResumed { version: 4 });
    log.tell(bob, SubscriptionEvent::Subscribed { version: 3, body: body("bob", "*") });
}

fn groups(log: &mut Log) {
    let desk = StreamId::group(&acme(), &"desk".parse().unwrap());
    let member = |name: &str| Addressee::Recipient(name.parse().unwrap());
    log.tell(desk.clone(), GroupEvent::GroupCreated { title: "Desk".to_owned() });
    log.tell(desk.clone(), GroupEvent::MemberAdded { member: member("ann") });
    log.tell(desk.clone(), GroupEvent::MemberRemoved { member: member("ann") });
    log.tell(desk.clone(), GroupEvent::MemberAdded { member: member("bob") });
    log.tell(desk.clone(), GroupEvent::MemberAdded { member: member("ann") });
    let floor = Addressee::Group("floor".parse().unwrap());
    log.tell(desk.clone(), GroupEvent::MemberAdded { member: floor });
    log.tell(desk.clone(), GroupEvent::GroupChanged { title: "Desk 7".to_owned() });
    log.tell(desk, GroupEvent::GroupRetired { reason: "closed".to_owned() });
    let stream = StreamId::subscription(&acme(), &"desk-risk".parse().unwrap());
    let body = |report| GroupSubscriptionBody {
        group: "desk".parse().unwrap(),
        selector: selector(report),
        preferences: preferences(),
    };
    let subscribed = SubscriptionEvent::GroupSubscribed { version: 1, body: body("risk") };
    log.tell(stream.clone(), subscribed);
    let (recipient, reason) = ("ann".parse().unwrap(), "one_click".to_owned());
    log.tell(stream.clone(), SubscriptionEvent::MemberOptedOut { version: 2, recipient, reason });
    let recipient = "ann".parse().unwrap();
    log.tell(stream.clone(), SubscriptionEvent::MemberOptedIn { version: 3, recipient });
    let changed = SubscriptionEvent::GroupSubscriptionChanged { version: 4, body: body("*") };
    log.tell(stream, changed);
}

fn distributions(log: &mut Log) {
    let (first, second) = (distribution("v1"), distribution("v2"));
    log.distribution(first, DistributionEvent::ReportReceived(version("v1")));
    log.distribution(first, slice(0, Some("bob"), 2));
    log.distribution(
        first,
        DistributionEvent::SlicePlanned {
            slice: 1,
            after: Some("bob".parse().unwrap()),
            through: None,
            read_at: Position(9),
            sums: SliceSums {
                considered: 3,
                planned: 1,
                not_planned: BTreeMap::from([(NotPlannedReason::Paused, 2)]),
            },
            decisions: ["cat", "dan"].map(not_planned).to_vec(),
        },
    );
    log.distribution(second, DistributionEvent::ReportReceived(version("v2")));
    log.distribution(first, DistributionEvent::VersionCorrected { by: "v2".parse().unwrap() });
    log.distribution(second, slice(0, None, 0));
    let sums = SliceSums::default();
    let outcomes = schema::events::OutcomeCounts::default();
    log.distribution(second, DistributionEvent::DistributionReconciled { sums, outcomes });
    let reason = "wrong".to_owned();
    log.distribution(second, DistributionEvent::VersionWithdrawn { reason });
}

fn not_planned(recipient: &str) -> NotPlanned {
    NotPlanned {
        recipient: recipient.parse().unwrap(),
        subscription: format!("{recipient}-risk").parse().unwrap(),
        subscription_version: 4,
        group: None,
        reason: NotPlannedReason::Paused,
    }
}

fn deliveries(log: &mut Log) {
    retried_then_delivered(log);
    accepted_then_bounced(log);
    resolved_by_a_person(log);
    given_up(log);
    ended_otherwise(log);
    resent(log);
}

fn retried_then_delivered(log: &mut Log) {
    let id = delivery("v1", "ann", ChannelKind::Webhook, 0);
    let retry = NextStep::RetryAt { at: at(800) };
    log.delivery(id, DeliveryEvent::DeliveryScheduled(plan("v1", "ann", ChannelKind::Webhook)));
    log.delivery(id, started(1));
    log.delivery(id, ended(1, 40, failed("http.503", retry)));
    log.delivery(id, started(2));
    log.delivery(id, ended(2, 900, succeeded(Proof::Delivered)));
}

fn accepted_then_bounced(log: &mut Log) {
    let id = delivery("v1", "bob", ChannelKind::Mail, 0);
    log.delivery(id, DeliveryEvent::DeliveryScheduled(plan("v1", "bob", ChannelKind::Mail)));
    log.delivery(id, started(1));
    log.delivery(id, ended(1, 30, succeeded(Proof::Accepted)));
    let evidence = Evidence::Bounced { fault: fault("smtp.5.1.1") };
    log.delivery(id, DeliveryEvent::EvidenceRecorded { evidence });
}

fn resolved_by_a_person(log: &mut Log) {
    let id = delivery("v1", "cat", ChannelKind::Mail, 0);
    log.delivery(id, DeliveryEvent::DeliveryScheduled(plan("v1", "cat", ChannelKind::Mail)));
    log.delivery(id, started(1));
    let code = "smtp.data_unanswered".to_owned();
    log.delivery(id, ended(1, 50, AttemptOutcome::InDoubt { code, next: NextStep::Held }));
    let note = "asked".to_owned();
    let (resolution, next) = (Resolution::Arrived, None);
    log.delivery(id, DeliveryEvent::DoubtResolved { attempt: 1, resolution, note, next });
    let evidence = Evidence::LateFailure { attempt: 1, fault: fault("http.500") };
    log.delivery(id, DeliveryEvent::EvidenceRecorded { evidence });
}

fn given_up(log: &mut Log) {
    let id = delivery("v1", "dan", ChannelKind::Webhook, 0);
    let next = NextStep::DeadLettered { reason: DeadLetterReason::NotRetryable };
    log.delivery(id, DeliveryEvent::DeliveryScheduled(plan("v1", "dan", ChannelKind::Webhook)));
    log.delivery(id, started(1));
    log.delivery(id, ended(1, 60, failed("http.400", next)));
}

fn ended_otherwise(log: &mut Log) {
    let endings = [
        ("eve", DeliveryEvent::DeliveryCancelled { reason: CancelReason::Withdrawn }),
        ("fay", DeliveryEvent::DeliveryExpired { deadline: at(3_600) }),
        ("gus", DeliveryEvent::DeliverySuppressed { reason: SuppressReason::Unsubscribed }),
    ];
    for (recipient, ending) in endings {
        let id = delivery("v2", recipient, ChannelKind::Mail, 0);
        let plan = plan("v2", recipient, ChannelKind::Mail);
        log.delivery(id, DeliveryEvent::DeliveryScheduled(plan));
        log.delivery(id, ending);
    }
    let waiting = delivery("v2", "hal", ChannelKind::Webhook, 0);
    let next = NextStep::RetryAt { at: at(990) };
    let code = "lease_ended".to_owned();
    log.delivery(
        waiting,
        DeliveryEvent::DeliveryScheduled(plan("v2", "hal", ChannelKind::Webhook)),
    );
    log.delivery(waiting, started(1));
    log.delivery(waiting, ended(1, 70, AttemptOutcome::InDoubt { code, next }));
}

/// One called off, one held up for a while; the last one marked in every way.
fn inboxes(log: &mut Log) {
    let inbox = ChannelKind::Inbox;
    let [ann, bob, cat, dan] =
        ["ann", "bob", "cat", "dan"].map(|recipient| delivery("v1", recipient, inbox, 0));
    for (id, recipient) in [(ann, "ann"), (bob, "bob"), (cat, "cat"), (dan, "dan")] {
        log.delivery(id, DeliveryEvent::DeliveryScheduled(plan("v1", recipient, inbox)));
    }
    log.delivery(dan, started(1));
    let next = NextStep::DeadLettered { reason: DeadLetterReason::AttemptsExhausted };
    log.delivery(dan, ended(1, 70, failed("vault.wrong_key", next)));
    log.delivery(bob, DeliveryEvent::DeliveryCancelled { reason: CancelReason::Corrected });
    log.delivery(cat, started(1));
    let outcome = AttemptOutcome::InDoubt { code: "log_lost".to_owned(), next: NextStep::Held };
    log.delivery(cat, ended(1, 80, outcome));
    let (resolution, note) = (Resolution::Arrived, "seen".to_owned());
    log.delivery(cat, DeliveryEvent::DoubtResolved { attempt: 1, resolution, note, next: None });
    log.delivery(ann, started(1));
    log.delivery(ann, ended(1, 90, succeeded(Proof::Delivered)));
    for answer in [OnTimeAnswer::OnTime, OnTimeAnswer::Late] {
        let evidence = Evidence::OnTimeAnswered { answer, via: AnsweredVia::Inbox };
        log.delivery(ann, DeliveryEvent::EvidenceRecorded { evidence });
    }
    for mark in [
        EntryMark::Snoozed { until: at(8_000) },
        EntryMark::Unsnoozed,
        EntryMark::Read,
        EntryMark::Snoozed { until: at(9_000) },
        EntryMark::Acknowledged,
    ] {
        log.delivery(ann, DeliveryEvent::EntryMarked { mark });
    }
}

fn resent(log: &mut Log) {
    let original = delivery("v1", "dan", ChannelKind::Webhook, 0);
    let again = delivery("v1", "dan", ChannelKind::Webhook, 1);
    let evidence = Evidence::Resent { delivery: again, resend: 1 };
    log.delivery(original, DeliveryEvent::EvidenceRecorded { evidence });
    let mut plan = plan("v1", "dan", ChannelKind::Webhook);
    plan.resend_of = Some(original);
    plan.resend = 1;
    log.delivery(again, DeliveryEvent::DeliveryScheduled(plan));
    log.delivery(again, started(1));
    log.delivery(again, ended(1, 4_000, succeeded(Proof::Delivered)));
}
