mod groups;

use std::collections::BTreeSet;
use std::sync::Arc;

use schema::events::{
    ApiKeyEvent, CancelReason, DeliveryPlan, DistributionEvent, PauseScope, RecipientEvent,
    ReportEvent, ReportProfile, RetireReason, Scope, SubscriptionBody, SubscriptionEvent,
    SuppressReason, SuppressionReason, TenantEvent,
};
use schema::{
    Actor, AttributeValue, ChannelKind, LedgerEvent, Metadata, Position, RecordedEvent,
    ReportSelector, StreamId, TenantId,
};

use super::early::Early;
use super::{Authorised, Denied, MAX_EARLY_EVENTS, RoutingIndex};
use crate::samples::{NOW, acme, body, name, plan, profile, sealed, version};
use crate::subscription::Subscription;

fn tell(index: &mut RoutingIndex, stream: &StreamId, sequence: i64, event: impl Into<LedgerEvent>) {
    index.apply(&acme(), stream, sequence, &event.into());
}

fn ada_stream() -> StreamId {
    StreamId::recipient(&acme(), &name("ada"))
}

fn wish_stream() -> StreamId {
    StreamId::subscription(&acme(), &name("ada-risk"))
}

fn why() -> String {
    "why".to_owned()
}

/// Ada is registered, reachable, entitled and subscribed.
fn ada() -> RoutingIndex {
    let mut index = RoutingIndex::new();
    let mailbox = RecipientEvent::AddressAdded {
        address: name("work"),
        channel: ChannelKind::Mail,
        value: sealed("ada@x"),
        destination: name("d1"),
        revision: 1,
    };
    let report = ReportSelector::Every;
    let grant = RecipientEvent::EntitlementGranted { grant: name("desk"), report, until: None };
    tell(&mut index, &ada_stream(), 1, RecipientEvent::RecipientRegistered(profile()));
    tell(&mut index, &ada_stream(), 2, mailbox);
    tell(&mut index, &ada_stream(), 3, grant);
    let subscribed = SubscriptionEvent::Subscribed { version: 1, body: body("ada", "risk") };
    tell(&mut index, &wish_stream(), 1, subscribed);
    index
}

fn denied(index: &RoutingIndex) -> Option<Denied> {
    index.authorise(&acme(), &plan(), NOW).err()
}

fn denied_of(index: &RoutingIndex, plan: &DeliveryPlan) -> Option<SuppressReason> {
    match index.authorise(&acme(), plan, NOW) {
        Err(Denied::Suppress(reason)) => Some(reason),
        Ok(_) | Err(Denied::Cancel(_)) => None,
    }
}

fn changed(body: SubscriptionBody) -> SubscriptionEvent {
    SubscriptionEvent::SubscriptionChanged { version: 2, body }
}

fn ids(index: &RoutingIndex, report: &str, after: Option<&str>) -> Vec<String> {
    let after = after.map(name);
    index
        .candidates(&acme(), &name(report), after.as_ref())
        .flat_map(|found| found.subscriptions)
        .map(|(id, _)| id.to_string())
        .collect()
}

#[test]
fn a_send_is_authorised_with_what_it_needs() {
    let authorised = Authorised {
        address: Some(sealed("ada@x")),
        destination: name("d1"),
        revision: 1,
        locale: "en-GB".to_owned(),
        name: Some(sealed("Ada")),
    };
    assert_eq!(ada().authorise(&acme(), &plan(), NOW), Ok(authorised));
}

#[test]
fn an_entry_of_an_inbox_is_authorised_without_an_address() {
    let to_inbox = DeliveryPlan { channel: ChannelKind::Inbox, address: name("inbox"), ..plan() };
    let mut index = ada();
    let denied = Err(Denied::Suppress(SuppressReason::Unsubscribed));
    assert_eq!(index.authorise(&acme(), &to_inbox, NOW), denied);
    let mut wish = body("ada", "risk");
    wish.preferences.channels = vec![ChannelKind::Inbox];
    tell(&mut index, &wish_stream(), 2, changed(wish));
    let authorised = Authorised {
        address: None,
        destination: name("inbox"),
        revision: 0,
        locale: "en-GB".to_owned(),
        name: Some(sealed("Ada")),
    };
    assert_eq!(index.authorise(&acme(), &to_inbox, NOW), Ok(authorised));
    let reason = "left".to_owned();
    tell(&mut index, &ada_stream(), 4, RecipientEvent::RecipientRetired { reason });
    let denied = Err(Denied::Suppress(SuppressReason::RecipientRetired));
    assert_eq!(index.authorise(&acme(), &to_inbox, NOW), denied);
}

#[test]
fn a_subscription_changed_after_the_plan_must_still_select_the_version() {
    let text = |value: &str| AttributeValue::Text(value.to_owned());
    let of = |region: &str| version([("region".to_owned(), text(region))].into(), vec![]);
    let mut index = ada();
    let mut wish = body("ada", "risk");
    wish.selector.attributes = [("region".to_owned(), vec![text("eu"), text("us")])].into();
    tell(&mut index, &wish_stream(), 2, changed(wish));
    let denied = Err(Denied::Suppress(SuppressReason::Unsubscribed));
    assert_eq!(index.still_selects(&acme(), &plan(), &of("eu")), Ok(()));
    assert_eq!(index.still_selects(&acme(), &plan(), &of("asia")), denied);
    let planned_by_it = DeliveryPlan { subscription_version: 2, ..plan() };
    assert_eq!(index.still_selects(&acme(), &planned_by_it, &of("asia")), Ok(()));
}

#[test]
fn a_node_that_lags_behind_the_plan_leaves_the_selection_to_it() {
    let version = version([].into(), vec![]);
    let planned_later = DeliveryPlan { subscription_version: 9, ..plan() };
    assert_eq!(ada().still_selects(&acme(), &planned_later, &version), Ok(()));
    assert_eq!(RoutingIndex::new().still_selects(&acme(), &plan(), &version), Ok(()));
}

#[test]
fn what_was_planned_is_not_sent_to_an_address_suppressed_since() {
    let suppressed = |until| RecipientEvent::AddressSuppressed {
        address: name("work"),
        revision: 1,
        reason: SuppressionReason::Complaint,
        until,
        delivery: None,
    };
    let mut index = ada();
    tell(&mut index, &ada_stream(), 4, suppressed(None));
    assert_eq!(denied(&index), Some(Denied::Suppress(SuppressReason::AddressSuppressed)));
    let lifted = RecipientEvent::SuppressionLifted { address: name("work"), reason: why() };
    tell(&mut index, &ada_stream(), 5, lifted);
    assert_eq!(denied(&index), None);
    tell(&mut index, &ada_stream(), 6, suppressed(Some(NOW)));
    assert_eq!(denied(&index), None, "it has run out");
}

#[test]
fn another_tenants_index_authorises_nothing() {
    let other: TenantId = name("apex");
    let denied = Denied::Suppress(SuppressReason::RecipientRetired);
    assert_eq!(ada().authorise(&other, &plan(), NOW), Err(denied));
}

#[test]
fn what_changed_since_the_plan_holds_a_send_back() {
    let report = ReportSelector::Every;
    let grant = name("desk");
    let by_webhook = {
        let mut body = body("ada", "risk");
        body.preferences.channels = vec![ChannelKind::Webhook];
        body
    };
    let cases: Vec<(StreamId, LedgerEvent, SuppressReason)> = vec![
        (
            wish_stream(),
            SubscriptionEvent::Unsubscribed { version: 2, reason: why() }.into(),
            SuppressReason::Unsubscribed,
        ),
        (
            wish_stream(),
            SubscriptionEvent::SubscriptionPaused { version: 2, until: None, reason: why() }.into(),
            SuppressReason::Paused,
        ),
        (wish_stream(), changed(body("ada", "sales")).into(), SuppressReason::Unsubscribed),
        (wish_stream(), changed(by_webhook).into(), SuppressReason::Unsubscribed),
        (
            ada_stream(),
            RecipientEvent::EntitlementRevoked { grant, reason: why() }.into(),
            SuppressReason::NotEntitled,
        ),
        (
            ada_stream(),
            RecipientEvent::EntitlementGranted { grant: name("desk"), report, until: Some(NOW) }
                .into(),
            SuppressReason::NotEntitled,
        ),
        (
            ada_stream(),
            RecipientEvent::AddressRetired { address: name("work"), reason: RetireReason::Gone }
                .into(),
            SuppressReason::AddressRetired,
        ),
        (
            ada_stream(),
            RecipientEvent::RecipientRetired { reason: why() }.into(),
            SuppressReason::RecipientRetired,
        ),
    ];
    for (stream, event, reason) in cases {
        let mut index = ada();
        let sequence = if stream == ada_stream() { 4 } else { 2 };
        index.apply(&acme(), &stream, sequence, &event);
        assert_eq!(denied(&index), Some(Denied::Suppress(reason)), "{event:?}");
    }
}

#[test]
fn a_withdrawal_outweighs_a_correction_in_any_order() {
    let stream = StreamId::distribution(plan().distribution);
    let corrected = || DistributionEvent::VersionCorrected { by: name("v2") };
    let withdrawn = || DistributionEvent::VersionWithdrawn { reason: why() };
    let mut index = ada();
    tell(&mut index, &stream, 3, corrected());
    assert_eq!(denied(&index), Some(Denied::Cancel(CancelReason::Corrected)));
    tell(&mut index, &stream, 4, withdrawn());
    tell(&mut index, &stream, 3, corrected());
    assert_eq!(denied(&index), Some(Denied::Cancel(CancelReason::Withdrawn)));
}

#[test]
fn what_comes_too_early_waits_for_what_lies_before_it() {
    let mut index = ada();
    let resumed = SubscriptionEvent::SubscriptionResumed { version: 3 };
    let paused = SubscriptionEvent::SubscriptionPaused { version: 2, until: None, reason: why() };
    let version = |index: &RoutingIndex| {
        index.subscription(&acme(), &name("ada-risk")).map(Subscription::version)
    };
    tell(&mut index, &wish_stream(), 3, resumed.clone());
    assert_eq!(version(&index), Some(1));
    tell(&mut index, &wish_stream(), 2, paused.clone());
    assert_eq!(version(&index), Some(3));
    tell(&mut index, &wish_stream(), 2, paused);
    tell(&mut index, &wish_stream(), 3, resumed);
    assert_eq!(version(&index), Some(3));
}

#[test]
fn what_the_tail_leaves_out_holds_nothing_back() {
    let mut index = ada();
    let ended = || SubscriptionEvent::Unsubscribed { version: 4, reason: why() };
    tell(&mut index, &wish_stream(), 4, ended());
    assert_eq!(denied(&index), None);
    index.follow(&RecordedEvent {
        position: Position(30),
        recorded_at: NOW,
        stream: wish_stream(),
        sequence: 3,
        event: SubscriptionEvent::SubscriptionResumed { version: 3 }.into(),
        metadata: Arc::new(Metadata::new(acme(), Actor::new("node", "n2"))),
    });
    assert_eq!(denied(&index), Some(Denied::Suppress(SuppressReason::Unsubscribed)));
    assert_eq!(index.read_at(), Position(30));
}

#[test]
fn only_so_many_events_are_held_back() {
    let mut early = Early::default();
    let event: LedgerEvent = RecipientEvent::RecipientRetired { reason: why() }.into();
    let limit = MAX_EARLY_EVENTS as i64;
    for sequence in 2..limit + 3 {
        early.keep(&ada_stream(), sequence, &event);
    }
    assert_eq!(early.take(&ada_stream(), limit + 1), Some(event.clone()));
    early.keep(&ada_stream(), 2, &event);
    assert_eq!(early.take(&ada_stream(), 2), Some(event));
    assert_eq!(early, Early::default());
}

#[test]
fn candidates_come_in_key_order_behind_the_last_one() {
    let mut index = RoutingIndex::new();
    let wishes =
        [("s1", "bob", "risk"), ("s2", "ada", "*"), ("s3", "bob", "*"), ("s4", "eve", "x")];
    for (id, recipient, report) in wishes {
        let stream = StreamId::subscription(&acme(), &name(id));
        let subscribed =
            SubscriptionEvent::Subscribed { version: 1, body: body(recipient, report) };
        tell(&mut index, &stream, 1, subscribed);
    }
    assert_eq!(ids(&index, "risk", None), ["s2", "s1", "s3"]);
    assert_eq!(ids(&index, "risk", Some("ada")), ["s1", "s3"]);
    assert_eq!(ids(&index, "risk", Some("bob")), [""; 0]);
    assert_eq!(ids(&index, "x", Some("bob")), ["s4"]);
}

#[test]
fn a_changed_subscription_is_found_where_it_now_belongs() {
    let mut index = ada();
    assert_eq!(ids(&index, "risk", None), ["ada-risk"]);
    tell(&mut index, &wish_stream(), 2, changed(body("ada", "sales")));
    assert_eq!(ids(&index, "risk", None), [""; 0]);
    assert_eq!(ids(&index, "sales", None), ["ada-risk"]);
    let ended = SubscriptionEvent::Unsubscribed { version: 3, reason: why() };
    tell(&mut index, &wish_stream(), 3, ended);
    assert_eq!(ids(&index, "sales", None), [""; 0]);
}

#[test]
fn tenants_reports_and_pauses_are_known() {
    let mut index = RoutingIndex::new();
    let (tenant, report) = (StreamId::tenant(&acme()), StreamId::report(&acme(), &name("risk")));
    let profile = ReportProfile {
        title: why(),
        owner: why(),
        deadline_s: 60,
        columns: vec![],
        self_service: false,
    };
    assert!(!index.has_tenant(&acme()));
    tell(&mut index, &tenant, 1, TenantEvent::TenantCreated { title: why() });
    assert!(index.has_tenant(&acme()));
    tell(&mut index, &report, 1, ReportEvent::ReportRegistered(profile.clone()));
    assert_eq!(index.report(&acme(), &name("risk")), Some(&profile));
    tell(&mut index, &report, 2, ReportEvent::ReportRetired { reason: why() });
    assert_eq!(index.report(&acme(), &name("risk")), None);
    let paused = TenantEvent::DispatchPaused { scope: PauseScope::All, reason: why() };
    tell(&mut index, &tenant, 2, paused);
    let scope = index.paused(&acme(), ChannelKind::Mail, &name("d1"));
    assert_eq!(scope, Some(PauseScope::All));
    assert_eq!(index.paused(&name("apex"), ChannelKind::Mail, &name("d1")), None);
}

#[test]
fn a_key_is_found_with_its_tenant() {
    let mut index = RoutingIndex::new();
    for (tenant, secret_hash) in [("acme", "aa"), ("apex", "bb")] {
        let stream = StreamId::api_key(&name(tenant), &name("k1"));
        let (title, scopes) = (why(), BTreeSet::from([Scope::Read]));
        let issued = ApiKeyEvent::ApiKeyIssued {
            limits: schema::events::KeyLimits::default(),
            title,
            secret_hash: secret_hash.to_owned(),
            scopes,
            expires_at: None,
        };
        index.apply(&name(tenant), &stream, 1, &issued.into());
    }
    let found: Vec<_> = index
        .api_keys(&name("k1"))
        .filter_map(|(tenant, key)| Some((tenant.as_str(), key.valid(NOW)?.secret_hash.as_str())))
        .collect();
    assert_eq!(found, [("acme", "aa"), ("apex", "bb")]);
    assert_eq!(index.api_keys(&name("k2")).count(), 0);
}

#[test]
fn only_the_tail_moves_the_position_read_at() {
    let mut index = ada();
    assert_eq!(index.read_at(), Position::START);
    index.reached(Position(9));
    index.reached(Position(7));
    assert_eq!(index.read_at(), Position(9));
}
