//! A small history in which everything that is asked about happens: two versions of `risk`, and five recipients whose
//! rights and wishes change between them.

use std::collections::BTreeMap;

use aggregates::planning::{SlicePlan, SliceRequest, plan_slice, version_digest};
use aggregates::retry::Schedules;
use schema::events::{
    AttemptOutcome, DeadLetterReason, DeliveryEvent, DeliveryPlan, DistributionEvent, Evidence,
    NextStep, RecipientEvent, RecipientKind, RecipientProfile, ReportEvent, ReportProfile,
    ReportVersion, SubscriptionEvent,
};
use schema::{
    ChannelKind, DeliveryId, DistributionId, FailureClass, Fault, LedgerEvent, Proof, Receipt,
    ReportSelector, Sha256, StreamId, Timestamp,
};

use crate::world::{World, acme, body, sealed};

pub const RECEIVED: Timestamp = Timestamp::from_unix_micros(1_795_392_000_000_000);

/// Tells the whole story.
pub async fn story() -> World {
    let mut world = World::new().await;
    let profile = ReportProfile {
        title: "Risk".into(),
        owner: "desk".into(),
        deadline_s: 3_600,
        columns: vec![],
        self_service: false,
    };
    let risk = StreamId::report(&acme(), &"risk".parse().unwrap());
    world.tell(&risk, vec![ReportEvent::ReportRegistered(profile)]).await;
    for name in ["ada", "bob", "cy", "dan", "eve"] {
        world.recipient(name, name != "cy").await;
    }
    for (id, recipient, report) in [
        ("ada-risk", "ada", "risk"),
        ("bob-all", "bob", "*"),
        ("cy-risk", "cy", "risk"),
        ("dan-risk", "dan", "risk"),
        ("eve-risk", "eve", "risk"),
        ("eve-sales", "eve", "sales"),
    ] {
        let body = body(recipient, report);
        world.subscription(id, SubscriptionEvent::Subscribed { version: 1, body }).await;
    }
    world.subscription("dan-risk", paused(2)).await;
    world.subscription("eve-risk", ended(2)).await;

    world.publish("v1").await;
    let (ada, bob) = (delivery("v1", "ada", 0), delivery("v1", "bob", 0));
    world.delivered(ada).await;
    world.given_up(bob).await;
    let again = delivery("v1", "bob", 1);
    let evidence = Evidence::Resent { delivery: again, resend: 1 };
    let plan = DeliveryPlan { resend_of: Some(bob), resend: 1, ..world.plan(bob).await };
    world.tell(&StreamId::delivery(bob), vec![DeliveryEvent::EvidenceRecorded { evidence }]).await;
    world.tell(&StreamId::delivery(again), vec![DeliveryEvent::DeliveryScheduled(plan)]).await;
    world.delivered(again).await;

    let other = SubscriptionEvent::SubscriptionChanged { version: 2, body: body("ada", "sales") };
    world.subscription("ada-risk", other).await;
    world.subscription("bob-all", ended(2)).await;
    world.subscription("dan-risk", SubscriptionEvent::SubscriptionResumed { version: 3 }).await;
    let back = SubscriptionEvent::Subscribed { version: 3, body: body("eve", "risk") };
    world.subscription("eve-risk", back).await;
    let (grant, reason) = ("all".parse().unwrap(), "left".into());
    let revoked = RecipientEvent::EntitlementRevoked { grant, reason };
    world.tell(&StreamId::recipient(&acme(), &"eve".parse().unwrap()), vec![revoked]).await;
    world.publish("v2").await;
    world
}

pub fn paused(version: u32) -> SubscriptionEvent {
    SubscriptionEvent::SubscriptionPaused { version, until: None, reason: "away".into() }
}

pub fn ended(version: u32) -> SubscriptionEvent {
    SubscriptionEvent::Unsubscribed { version, reason: "done".into() }
}

pub fn run_of(version: &str) -> DistributionId {
    DistributionId::of(&acme(), &"risk".parse().unwrap(), &version.parse().unwrap())
}

pub fn delivery(version: &str, recipient: &str, resend: u32) -> DeliveryId {
    let (run, recipient) = (run_of(version), recipient.parse().unwrap());
    DeliveryId::of(run, RECEIVED, &recipient, ChannelKind::Webhook, resend)
}

impl World {
    async fn recipient(&mut self, name: &str, is_entitled: bool) {
        let profile = RecipientProfile {
            kind: RecipientKind::Person,
            name: Some(sealed(name, "1")),
            locale: "en".into(),
            zone: "UTC".parse().unwrap(),
        };
        let mut events = vec![
            RecipientEvent::RecipientRegistered(profile),
            RecipientEvent::AddressAdded {
                address: "hook".parse().unwrap(),
                channel: ChannelKind::Webhook,
                value: sealed("https://x", "1"),
                destination: "d1".parse().unwrap(),
                revision: 1,
            },
        ];
        if is_entitled {
            let (grant, report) = ("all".parse().unwrap(), ReportSelector::Every);
            events.push(RecipientEvent::EntitlementGranted { grant, report, until: None });
        }
        let stream = StreamId::recipient(&acme(), &name.parse().unwrap());
        self.tell(&stream, events).await;
    }

    async fn subscription(&mut self, id: &str, event: SubscriptionEvent) {
        self.tell(&StreamId::subscription(&acme(), &id.parse().unwrap()), vec![event]).await;
    }

    /// Receives a version of `risk` and plans it, as intake would: a slice ends behind each delivery.
    pub async fn publish(&mut self, name: &str) {
        let attributes = BTreeMap::new();
        let version = ReportVersion {
            report: "risk".parse().unwrap(),
            version: name.parse().unwrap(),
            digest: version_digest(&attributes, &[], None),
            title: "Risk".into(),
            attributes,
            artifacts: vec![],
            frame: None,
            corrects: None,
            received_at: RECEIVED,
            deadline: RECEIVED.plus_ms(3_600_000),
        };
        let run = StreamId::distribution(run_of(name));
        self.tell(&run, vec![DistributionEvent::ReportReceived(version.clone())]).await;
        let (tenant, mut next) = (acme(), Some((0, None)));
        while let Some((slice, after)) = next {
            let (after, now) = (after.as_ref(), RECEIVED);
            let request = SliceRequest { tenant: &tenant, version: &version, slice, after, now };
            let SlicePlan { slice, deliveries } =
                plan_slice(&self.index, &Schedules::default(), request, |_| true);
            next = slice.through.clone().map(|through| (slice.slice + 1, Some(through)));
            let planned = DistributionEvent::SlicePlanned {
                slice: slice.slice,
                after: slice.after,
                through: slice.through,
                read_at: slice.read_at,
                sums: slice.sums,
                decisions: slice.decisions,
            };
            let mut all = vec![(run.clone(), into(vec![planned]))];
            for (id, plan) in deliveries {
                let scheduled = vec![DeliveryEvent::DeliveryScheduled(plan)];
                all.push((StreamId::delivery(id), into(scheduled)));
            }
            self.tell_all(all).await;
        }
    }

    /// The plan of a delivery.
    async fn plan(&self, delivery: DeliveryId) -> DeliveryPlan {
        let stream = StreamId::delivery(delivery);
        let events = self.test.ledger.load_stream(&stream, 0).await.unwrap();
        match &events[0].event {
            LedgerEvent::Delivery(DeliveryEvent::DeliveryScheduled(plan)) => plan.clone(),
            other => panic!("{other:?}"),
        }
    }

    async fn delivered(&mut self, delivery: DeliveryId) {
        let content_sha256 = Sha256::of(b"sent");
        let (proof, status, content_bytes, reply) = (Proof::Delivered, 200, 4, None);
        let receipt = Receipt { proof, status, content_sha256, content_bytes, reply };
        self.attempted(delivery, AttemptOutcome::Succeeded { receipt }).await;
    }

    async fn given_up(&mut self, delivery: DeliveryId) {
        let (class, code) = (FailureClass::Content, "http.400".into());
        let reply = Some(sealed("no, dear bob", "1"));
        let fault = Fault { class, code, reply, retry_after_ms: None };
        let next = NextStep::DeadLettered { reason: DeadLetterReason::NotRetryable };
        self.attempted(delivery, AttemptOutcome::Failed { fault, next }).await;
    }

    async fn attempted(&mut self, delivery: DeliveryId, outcome: AttemptOutcome) {
        let stream = StreamId::delivery(delivery);
        let (attempt, node, address_revision) = (1, "n1".into(), 1);
        let started = DeliveryEvent::AttemptStarted { attempt, node, address_revision };
        self.tell(&stream, vec![started]).await;
        let (sent_at, elapsed_us) = (Some(RECEIVED), Some(1_500));
        let ended = DeliveryEvent::AttemptEnded { attempt, sent_at, elapsed_us, outcome };
        self.tell(&stream, vec![ended]).await;
    }
}

pub fn into<E: Into<LedgerEvent>>(events: Vec<E>) -> Vec<LedgerEvent> {
    events.into_iter().map(Into::into).collect()
}
