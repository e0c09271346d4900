#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

mod groups;
mod preview;
mod timing;

use std::collections::BTreeMap;

use schema::events::{
    DeliveryPlan, GroupEvent, GroupSubscriptionBody, NotPlanned, NotPlannedReason, RecipientEvent,
    ReportVersion, RetireReason, SubscriptionBody, SubscriptionEvent, SuppressionReason,
};
use schema::{
    Addressee, AttributeValue, ChannelKind, DeliveryId, Format, Frame, LedgerEvent, RecipientId,
    ReportSelector, StreamId, Timestamp,
};

use super::{
    MAX_PAIRS, MAX_RECIPIENTS, SlicePlan, SliceRequest, VersionFile, canonical_form, plan_slice,
    resend_plan, version_files,
};
use crate::delivery;
use crate::distribution;
use crate::retry::{Schedules, default_schedule};
use crate::routing::RoutingIndex;
use crate::run;
use crate::samples::{NOW, acme, artifact, body, name, profile, sealed, version};

fn risk() -> ReportVersion {
    let attributes = BTreeMap::from([("region".to_owned(), AttributeValue::Text("EU".to_owned()))]);
    version(attributes, vec![artifact("risk.csv", Format::Csv), artifact("risk.pdf", Format::Pdf)])
}

/// An index that is told one event after another.
#[derive(Default)]
struct World {
    index: RoutingIndex,
    sequences: BTreeMap<StreamId, i64>,
}

impl World {
    fn tell(&mut self, stream: &StreamId, event: impl Into<LedgerEvent>) {
        let sequence = self.sequences.entry(stream.clone()).or_default();
        *sequence += 1;
        self.index.apply(&acme(), stream, *sequence, &event.into());
    }

    fn recipient(&mut self, id: &str, events: Vec<RecipientEvent>) {
        for event in events {
            self.tell(&StreamId::recipient(&acme(), &name(id)), event);
        }
    }

    fn subscription(&mut self, id: &str, event: SubscriptionEvent) {
        self.tell(&StreamId::subscription(&acme(), &name(id)), event);
    }

    fn subscribe(&mut self, id: &str, body: SubscriptionBody) {
        self.subscription(id, SubscriptionEvent::Subscribed { version: 1, body });
    }

    fn plan(&self, version: &ReportVersion, slice: u32, after: Option<&RecipientId>) -> SlicePlan {
        let request = SliceRequest { tenant: &acme(), version, slice, after, now: NOW };
        plan_slice(&self.index, &Schedules::default(), request, |_| false)
    }
}

fn mailbox() -> RecipientEvent {
    RecipientEvent::AddressAdded {
        address: name("work"),
        channel: ChannelKind::Mail,
        value: sealed("ada@x"),
        destination: name("d1"),
        revision: 1,
    }
}

fn grant(until: Option<Timestamp>) -> RecipientEvent {
    let report = ReportSelector::Every;
    RecipientEvent::EntitlementGranted { grant: name("desk"), report, until }
}

fn reachable() -> Vec<RecipientEvent> {
    vec![RecipientEvent::RecipientRegistered(profile()), mailbox(), grant(None)]
}

fn ada() -> World {
    let mut world = World::default();
    world.recipient("ada", reachable());
    world
}

fn reason(world: &World) -> Option<NotPlannedReason> {
    let plan = world.plan(&risk(), 0, None);
    assert_eq!(plan.slice.sums.considered, 1);
    plan.slice.decisions.first().map(|decision| decision.reason)
}

#[test]
fn a_subscription_becomes_a_delivery_that_says_on_what_grounds() {
    let mut world = ada();
    world.subscribe("s1", body("ada", "risk"));
    let plan = world.plan(&risk(), 0, None);
    assert_eq!((plan.slice.sums.considered, plan.slice.sums.planned), (1, 1));
    assert_eq!((plan.slice.after, plan.slice.through), (None, None));
    let (id, delivery) = plan.deliveries.into_iter().next().unwrap();
    let mut expected = crate::samples::plan();
    expected.subscription = name("s1");
    expected.retry = default_schedule(ChannelKind::Mail);
    assert_eq!(delivery, expected);
    assert_eq!(id, crate::samples::delivery_id(0));
}

fn suppressed(address: &str, until: Option<Timestamp>) -> RecipientEvent {
    RecipientEvent::AddressSuppressed {
        address: name(address),
        revision: 1,
        reason: SuppressionReason::HardBounce,
        until,
        delivery: None,
    }
}

#[test]
fn nothing_is_planned_to_a_suppressed_address_until_that_has_run_out() {
    for (until, expected) in [
        (None, Some(NotPlannedReason::SuppressedAddress)),
        (Some(NOW.plus_ms(1)), Some(NotPlannedReason::SuppressedAddress)),
        (Some(NOW), None),
    ] {
        let mut world = ada();
        world.subscribe("s1", body("ada", "risk"));
        world.recipient("ada", vec![suppressed("work", until)]);
        assert_eq!(reason(&world), expected, "{until:?}");
    }
}

#[test]
fn where_one_address_is_suppressed_the_next_is_used_then_the_next_channel() {
    let mut world = ada();
    let both = vec![ChannelKind::Mail, ChannelKind::Webhook];
    let mut wish = body("ada", "risk");
    wish.preferences.channels = both;
    world.subscribe("s1", wish);
    let added = |address: &str, channel| RecipientEvent::AddressAdded {
        address: name(address),
        channel,
        value: sealed(address),
        destination: name("d1"),
        revision: 1,
    };
    let more = vec![added("home", ChannelKind::Mail), added("hook", ChannelKind::Webhook)];
    world.recipient("ada", more);
    let used = |world: &World| {
        let plan = world.plan(&risk(), 0, None);
        plan.deliveries.first().map(|(_, plan)| plan.address.to_string())
    };
    assert_eq!(used(&world).as_deref(), Some("home"));
    world.recipient("ada", vec![suppressed("home", None)]);
    assert_eq!(used(&world).as_deref(), Some("work"));
    world.recipient("ada", vec![suppressed("work", None)]);
    assert_eq!(used(&world).as_deref(), Some("hook"));
    world.recipient("ada", vec![suppressed("hook", None)]);
    assert_eq!(reason(&world), Some(NotPlannedReason::SuppressedAddress));
}

#[test]
fn every_recipient_has_an_inbox_without_an_address() {
    let mut world = World::default();
    world.recipient("ada", vec![RecipientEvent::RecipientRegistered(profile()), grant(None)]);
    let mut wish = body("ada", "risk");
    wish.preferences.channels = vec![ChannelKind::Mail, ChannelKind::Inbox];
    world.subscribe("s1", wish);
    let plan = world.plan(&risk(), 0, None);
    let (id, delivery) = plan.deliveries.into_iter().next().unwrap();
    let expected = DeliveryPlan {
        channel: ChannelKind::Inbox,
        subscription: name("s1"),
        address: name("inbox"),
        destination: name("inbox"),
        retry: default_schedule(ChannelKind::Inbox),
        ..crate::samples::plan()
    };
    let run = expected.distribution;
    assert_eq!(id, DeliveryId::of(run, NOW, &name("ada"), ChannelKind::Inbox, 0));
    assert_eq!(delivery, expected);
}

#[test]
fn an_inbox_is_refused_on_the_same_grounds_as_every_channel() {
    let registered = || RecipientEvent::RecipientRegistered(profile());
    let mut wish = body("ada", "risk");
    wish.preferences.channels = vec![ChannelKind::Inbox];
    let mut world = World::default();
    world.recipient("ada", vec![registered()]);
    world.subscribe("s1", wish);
    assert_eq!(reason(&world), Some(NotPlannedReason::NotEntitled));
    let retired = RecipientEvent::RecipientRetired { reason: "left".to_owned() };
    world.recipient("ada", vec![grant(None), retired]);
    assert_eq!(reason(&world), Some(NotPlannedReason::RecipientRetired));
}

#[test]
fn a_retired_recipient_comes_before_every_other_reason() {
    let mut world = ada();
    world.subscribe("s1", body("ada", "risk"));
    let reason_text = "left".to_owned();
    world.subscription(
        "s1",
        SubscriptionEvent::SubscriptionPaused { version: 2, until: None, reason: reason_text },
    );
    assert_eq!(reason(&world), Some(NotPlannedReason::Paused));
    world.recipient("ada", vec![RecipientEvent::RecipientRetired { reason: "left".to_owned() }]);
    assert_eq!(reason(&world), Some(NotPlannedReason::RecipientRetired));
}

#[test]
fn a_pause_that_has_ended_is_none() {
    let mut world = ada();
    world.subscribe("s1", body("ada", "risk"));
    let (until, reason_text) = (Some(NOW), "holidays".to_owned());
    world.subscription(
        "s1",
        SubscriptionEvent::SubscriptionPaused { version: 2, until, reason: reason_text },
    );
    assert_eq!(reason(&world), None);
}

#[test]
fn attributes_are_matched_by_equality_and_membership() {
    let text = |value: &str| AttributeValue::Text(value.to_owned());
    let cases = [
        ("region", vec![text("EU")], None),
        ("region", vec![text("US"), text("EU")], None),
        ("region", vec![text("US")], Some(NotPlannedReason::AttributesDiffer)),
        ("desk", vec![text("EU")], Some(NotPlannedReason::AttributesDiffer)),
        ("region", vec![AttributeValue::Bool(true)], Some(NotPlannedReason::AttributesDiffer)),
    ];
    for (attribute, values, expected) in cases {
        let mut world = ada();
        let mut wish = body("ada", "risk");
        wish.selector.attributes = BTreeMap::from([(attribute.to_owned(), values)]);
        world.subscribe("s1", wish);
        assert_eq!(reason(&world), expected);
    }
}

#[test]
fn without_a_valid_grant_nothing_is_planned() {
    let mut world = World::default();
    world.recipient("ada", vec![RecipientEvent::RecipientRegistered(profile()), mailbox()]);
    world.subscribe("s1", body("ada", "risk"));
    assert_eq!(reason(&world), Some(NotPlannedReason::NotEntitled));
    world.recipient("ada", vec![grant(Some(NOW))]);
    assert_eq!(reason(&world), Some(NotPlannedReason::NotEntitled));
    world.recipient("ada", vec![grant(Some(NOW.plus_ms(1)))]);
    assert_eq!(reason(&world), None);
}

#[test]
fn a_recipient_nobody_registered_is_not_entitled() {
    let mut world = World::default();
    world.subscribe("s1", body("ada", "risk"));
    assert_eq!(reason(&world), Some(NotPlannedReason::NotEntitled));
}

#[test]
fn the_first_channel_with_an_active_address_is_used() {
    let mut world = ada();
    let mut wish = body("ada", "risk");
    wish.preferences.channels = vec![ChannelKind::Webhook, ChannelKind::Mail];
    world.subscribe("s1", wish);
    let plan = world.plan(&risk(), 0, None);
    assert_eq!(plan.deliveries[0].1.channel, ChannelKind::Mail);
    let gone = RetireReason::Gone;
    let retired = RecipientEvent::AddressRetired { address: name("work"), reason: gone };
    world.recipient("ada", vec![retired]);
    assert_eq!(reason(&world), Some(NotPlannedReason::NoAddress));
}

#[test]
fn the_first_format_the_version_has_is_sent() {
    let formats = |wish: Vec<Format>, version: ReportVersion| {
        let mut world = ada();
        let mut body = body("ada", "risk");
        body.preferences.formats = wish;
        world.subscribe("s1", body);
        let plan = world.plan(&version, 0, None);
        let refused = plan.slice.decisions.first().map(|decision| decision.reason);
        (plan.deliveries.first().map(|(_, plan)| plan.format), refused)
    };
    let attributes_only = || version(BTreeMap::new(), vec![]);
    assert_eq!(formats(vec![Format::Xlsx, Format::Pdf], risk()), (Some(Some(Format::Pdf)), None));
    assert_eq!(formats(vec![Format::Xlsx], risk()), (None, Some(NotPlannedReason::NoFormat)));
    assert_eq!(formats(vec![], risk()), (Some(None), None));
    assert_eq!(formats(vec![Format::Xlsx], attributes_only()), (Some(None), None));
}

#[test]
fn two_subscriptions_lead_to_one_delivery() {
    let mut world = ada();
    world.subscribe("s2", body("ada", "risk"));
    world.subscribe("s1", body("ada", "*"));
    let plan = world.plan(&risk(), 0, None);
    assert_eq!(plan.deliveries.len(), 1);
    assert_eq!(plan.deliveries[0].1.subscription, name("s1"));
    let same = NotPlanned {
        recipient: name("ada"),
        subscription: name("s2"),
        subscription_version: 1,
        group: None,
        reason: NotPlannedReason::SameDelivery,
    };
    assert_eq!(plan.slice.decisions, [same]);
}

#[test]
fn an_ended_subscription_is_not_considered() {
    let mut world = ada();
    world.subscribe("s1", body("ada", "risk"));
    let reason = "one_click".to_owned();
    world.subscription("s1", SubscriptionEvent::Unsubscribed { version: 2, reason });
    assert_eq!(world.plan(&risk(), 0, None).slice.sums.considered, 0);
}

#[test]
fn the_earlier_deadline_holds() {
    for (own, expected) in [(Some(60), 60_000), (Some(7200), 3_600_000), (None, 3_600_000)] {
        let mut world = ada();
        let mut wish = body("ada", "risk");
        wish.preferences.deadline_s = own;
        world.subscribe("s1", wish);
        let plan = world.plan(&risk(), 0, None);
        assert_eq!(plan.deliveries[0].1.deadline, NOW.plus_ms(expected));
    }
}

/// A version whose CSV file is its data frame, with so many rows.
fn framed(rows: u64, others: &[(&str, Format)]) -> ReportVersion {
    let mut artifacts = vec![artifact("risk.csv", Format::Csv)];
    artifacts.extend(others.iter().map(|(name, format)| artifact(name, *format)));
    let mut version = version(risk().attributes, artifacts);
    let artifact = "risk.csv".to_owned();
    version.frame = Some(Frame { artifact, rows, columns: vec![], longest_text: 10 });
    version
}

#[test]
fn a_data_frame_is_to_be_had_in_every_format_it_can_be_rendered_to() {
    use Format::{Csv, Html, Parquet, Pdf, Xlsx};
    for (rows, wish, expected) in [
        (1, vec![Xlsx], Ok(Some(Xlsx))),
        (1, vec![Parquet], Ok(Some(Parquet))),
        (1, vec![Csv], Ok(Some(Csv))),
        (1, vec![Html, Parquet, Xlsx], Ok(Some(Parquet))),
        (1, vec![], Ok(None)),
        (1, vec![Pdf], Err(NotPlannedReason::NoFormat)),
        (1_048_575, vec![Xlsx, Csv], Ok(Some(Xlsx))),
        (1_048_576, vec![Xlsx, Csv], Ok(Some(Csv))),
        (1_048_576, vec![Xlsx], Err(NotPlannedReason::NoFormat)),
    ] {
        let mut world = ada();
        let mut body = body("ada", "risk");
        body.preferences.formats = wish;
        world.subscribe("s1", body);
        let plan = world.plan(&framed(rows, &[]), 0, None);
        let found = match plan.slice.decisions.first() {
            Some(decision) => Err(decision.reason),
            None => Ok(plan.deliveries[0].1.format),
        };
        assert_eq!(found, expected, "{rows} rows");
    }
}

/// Names of the files, and which of them are rendered.
fn files(version: &ReportVersion, format: Option<Format>) -> Vec<(String, bool)> {
    let told = |file: VersionFile<'_>| match file {
        VersionFile::Published(file) => (file.name.clone(), false),
        VersionFile::Rendered { frame, format, .. } => (frame.file_name(format), true),
    };
    version_files(version, format).into_iter().map(told).collect()
}

#[test]
fn files_are_published_or_rendered_and_none_goes_out_twice() {
    let of = |names: &[(&str, bool)]| -> Vec<(String, bool)> {
        names.iter().map(|(name, rendered)| ((*name).to_owned(), *rendered)).collect()
    };
    let version = framed(1, &[("notes.csv", Format::Csv), ("risk.pdf", Format::Pdf)]);
    let all = of(&[("risk.csv", false), ("notes.csv", false), ("risk.pdf", false)]);
    assert_eq!(files(&version, None), all);
    let csv = of(&[("risk.csv", true), ("notes.csv", false)]);
    assert_eq!(files(&version, Some(Format::Csv)), csv);
    assert_eq!(files(&version, Some(Format::Xlsx)), of(&[("risk.xlsx", true)]));
    assert_eq!(files(&version, Some(Format::Pdf)), of(&[("risk.pdf", false)]));
    assert_eq!(files(&version, Some(Format::Html)), of(&[]));
    // The publisher's own workbook of that name is the one that goes out.
    let own = framed(1, &[("risk.xlsx", Format::Xlsx)]);
    assert_eq!(files(&own, Some(Format::Xlsx)), of(&[("risk.xlsx", false)]));
    assert_eq!(files(&risk(), Some(Format::Csv)), of(&[("risk.csv", false)]));
}

#[test]
fn a_withdrawn_version_is_planned_no_further() {
    let mut world = ada();
    world.subscribe("s1", body("ada", "risk"));
    let run = crate::samples::plan().distribution;
    let reason_text = "wrong".to_owned();
    world.tell(
        &StreamId::distribution(run),
        schema::events::DistributionEvent::VersionWithdrawn { reason: reason_text },
    );
    assert_eq!(reason(&world), Some(NotPlannedReason::Withdrawn));
}

/// A distribution accepts slice after slice, and each delivery its plan.
fn plan_all(world: &World) -> (usize, distribution::Distribution) {
    let version = risk();
    let mut state = distribution::Distribution::default();
    let receive = distribution::Command::Receive(Box::new(version.clone()));
    run::<distribution::Rules>(&mut state, receive).unwrap();
    let mut deliveries = 0;
    loop {
        let (next_slice, after) = match &state.run().unwrap().planning {
            distribution::Planning::Open { next_slice, after } => (*next_slice, after.clone()),
            _ => return (deliveries, state),
        };
        let plan = world.plan(&version, next_slice, after.as_ref());
        for (_, plan) in plan.deliveries {
            let mut state = delivery::Delivery::default();
            let schedule = delivery::Command::Schedule(Box::new(plan));
            assert_eq!(run::<delivery::Rules>(&mut state, schedule).unwrap().len(), 1);
            deliveries += 1;
        }
        let slice = distribution::Command::PlanSlice(plan.slice);
        run::<distribution::Rules>(&mut state, slice).unwrap();
    }
}

#[test]
fn slices_hold_a_bounded_number_of_recipients() {
    let mut world = World::default();
    for n in 0..2 * MAX_RECIPIENTS {
        let id = format!("r{n:05}");
        world.recipient(&id, reachable());
        world.subscribe(&format!("s{n}"), body(&id, if n % 2 == 0 { "risk" } else { "*" }));
    }
    let first = world.plan(&risk(), 0, None);
    assert_eq!(first.deliveries.len(), MAX_RECIPIENTS);
    assert_eq!(first.slice.through, Some(name("r00499")));
    let last = world.plan(&risk(), 1, first.slice.through.as_ref());
    assert_eq!((last.deliveries.len(), last.slice.through), (MAX_RECIPIENTS, None));
    let (deliveries, state) = plan_all(&world);
    let run = state.run().unwrap();
    assert_eq!((deliveries, run.sums.considered), (2 * MAX_RECIPIENTS, 1000));
    assert_eq!(run.planning, distribution::Planning::Complete { slice_count: 2 });
}

#[test]
fn slices_hold_a_bounded_number_of_pairs_but_one_recipient_whole() {
    let mut world = World::default();
    for (id, count) in [("a", MAX_PAIRS + 1), ("b", MAX_PAIRS - 1), ("c", 1), ("d", 1)] {
        world.recipient(id, reachable());
        for n in 0..count {
            world.subscribe(&format!("{id}{n:05}"), body(id, "risk"));
        }
    }
    let considered = |slice, after: &str| {
        let after = (!after.is_empty()).then(|| name(after));
        let plan = world.plan(&risk(), slice, after.as_ref()).slice;
        (plan.sums.considered, plan.through)
    };
    assert_eq!(considered(0, ""), (MAX_PAIRS as u64 + 1, Some(name("a"))));
    assert_eq!(considered(1, "a"), (MAX_PAIRS as u64, Some(name("c"))));
    assert_eq!(considered(2, "c"), (1, None));
}

#[test]
fn a_repetition_has_an_id_of_its_own_and_as_much_time_again() {
    let (original, id) = (crate::samples::plan(), crate::samples::delivery_id(0));
    let later = NOW.plus_ms(86_400_000);
    let (again, plan) = resend_plan(id, &original, 2, later);
    assert_eq!(again, crate::samples::delivery_id(2));
    let deadline = later.plus_ms(3_600_000);
    assert_eq!(plan, DeliveryPlan { deadline, resend_of: Some(id), resend: 2, ..original });
}

#[test]
fn a_version_nobody_wants_is_planned_at_once() {
    let plan = World::default().plan(&risk(), 0, None);
    assert_eq!((plan.slice.sums.considered, plan.slice.through), (0, None));
}

#[test]
fn the_digest_is_over_a_canonical_form() {
    let attributes = BTreeMap::from([
        ("b".to_owned(), AttributeValue::Text("\"\u{e9}\n\u{1f}".to_owned())),
        ("a".to_owned(), AttributeValue::Int(-7)),
        ("c".to_owned(), AttributeValue::Bool(true)),
    ]);
    let csv = || artifact("a.csv", Format::Csv);
    let pdf = || artifact("b.pdf", Format::Pdf);
    let sha = |name: &str| schema::Sha256::of(name.as_bytes()).to_string();
    let expected = format!(
        concat!(
            r#"{{"artifacts":[{{"format":"csv","name":"a.csv","sha256":"{}","size_bytes":42}},"#,
            r#"{{"format":"pdf","name":"b.pdf","sha256":"{}","size_bytes":42}}],"#,
            r#""attributes":{{"a":-7,"b":"\"é\n\u001f","c":true}}}}"#
        ),
        sha("a.csv"),
        sha("b.pdf")
    );
    assert_eq!(canonical_form(&attributes, &[pdf(), csv()], None), expected);
    assert_eq!(canonical_form(&BTreeMap::new(), &[], None), r#"{"artifacts":[],"attributes":{}}"#);
    let framed = canonical_form(&BTreeMap::new(), &[], Some("risk.csv"));
    assert_eq!(framed, r#"{"artifacts":[],"attributes":{},"frame":"risk.csv"}"#);
}

#[test]
fn a_part_ends_behind_the_recipient_that_fills_it_and_the_next_goes_on_there() {
    let mut world = World::default();
    for id in ["ada", "bob", "eve"] {
        world.recipient(id, reachable());
        world.subscribe(id, body(id, "risk"));
    }
    let version = risk();
    let plan = |slice, after: Option<&RecipientId>, full_at: &str| {
        let request = SliceRequest { tenant: &acme(), version: &version, slice, after, now: NOW };
        plan_slice(&world.index, &Schedules::default(), request, |deliveries| {
            deliveries.iter().any(|(_, plan)| plan.recipient.as_str() == full_at)
        })
    };
    let first = plan(0, None, "bob");
    assert_eq!((first.deliveries.len(), first.slice.sums.considered), (2, 2));
    assert_eq!(first.slice.through, Some(name("bob")));
    // Full with the last one: nothing is left.
    let second = plan(1, first.slice.through.as_ref(), "eve");
    assert_eq!((second.deliveries.len(), second.slice.through), (1, None));
}
