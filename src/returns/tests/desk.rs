use returns::{Incoming, Recorded, ReturnError, ReturnsConfig};
use schema::events::{Complaint, DeliveryEvent, Evidence, RecipientEvent, SuppressionReason};
use schema::{FailureClass, StreamId};
use secrecy::ExposeSecret;
use waybill_returns as returns;

use crate::support::{
    House, SAID, ada, bounce, complaint, delivery, hard, out_of_office, soft, tenant,
};

/// The suppression in force, if there is one: why, and how many days it lasts.
fn suppressed(events: &[RecipientEvent]) -> Option<(SuppressionReason, bool)> {
    events.iter().rev().find_map(|event| match event {
        RecipientEvent::AddressSuppressed { reason, until, .. } => Some((*reason, until.is_some())),
        _ => None,
    })
}

#[tokio::test]
async fn a_hard_bounce_becomes_evidence_and_a_suppression_in_one_unit() {
    let house = House::open().await;
    let id = house.accepted("v1").await;
    let recorded = house.feed(&hard(&house.mark(id))).await.unwrap();
    let expected = Recorded {
        delivery: id,
        kind: "failed",
        news: true,
        suppressed: Some(SuppressionReason::HardBounce),
        position: recorded.position,
    };
    assert_eq!(recorded, expected);

    let [DeliveryEvent::EvidenceRecorded { evidence: Evidence::Bounced { fault } }] =
        &house.learned(id).await[..]
    else {
        panic!("one piece of evidence and no other")
    };
    assert_eq!((fault.class, &*fault.code), (FailureClass::RecipientPermanent, "smtp.5.1.1"));
    let reply = fault.reply.clone().unwrap();
    let place = format!("{}#reply", StreamId::delivery(id));
    let ada_id = "ada".parse().unwrap();
    let opened = house.store.vault.unseal(&tenant(), &ada_id, &place, &reply).await.unwrap();
    assert_eq!(opened.expose_secret(), SAID);

    assert_eq!(suppressed(&house.since().await), Some((SuppressionReason::HardBounce, true)));
    let of_delivery = house.store.ledger.load_stream(&StreamId::delivery(id), 3).await.unwrap();
    let of_ada = house.store.ledger.load_stream(&ada(), 2).await.unwrap();
    assert_eq!(of_delivery[0].position.0.abs_diff(of_ada[0].position.0), 1);
    assert_eq!(of_delivery[0].metadata, of_ada[0].metadata);
}

#[tokio::test]
async fn the_same_report_again_changes_nothing() {
    let house = House::open().await;
    let id = house.accepted("v1").await;
    let mark = house.mark(id);
    for raw in [hard(&mark), complaint("abuse", &mark), out_of_office(&mark)] {
        assert!(house.feed(&raw).await.unwrap().news);
        let before = (house.learned(id).await, house.since().await);
        let again = house.feed(&raw).await.unwrap();
        assert_eq!((again.news, again.position), (false, None));
        assert_eq!((house.learned(id).await, house.since().await), before);
    }
}

#[tokio::test]
async fn a_complaint_suppresses_until_it_is_lifted() {
    let house = House::open().await;
    let id = house.accepted("v1").await;
    let recorded = house.feed(&complaint("abuse", &house.mark(id))).await.unwrap();
    assert_eq!(recorded.suppressed, Some(SuppressionReason::Complaint));
    let evidence = Evidence::Complained { complaint: Complaint::Abuse };
    assert_eq!(house.learned(id).await, [DeliveryEvent::EvidenceRecorded { evidence }]);
    assert_eq!(suppressed(&house.since().await), Some((SuppressionReason::Complaint, false)));
}

#[tokio::test]
async fn out_of_office_is_evidence_and_no_bounce() {
    let house = House::open().await;
    let id = house.accepted("v1").await;
    let recorded = house.feed(&out_of_office(&house.mark(id))).await.unwrap();
    assert_eq!((recorded.kind, recorded.suppressed), ("auto_reply", None));
    let evidence = Evidence::AutoReplied;
    assert_eq!(house.learned(id).await, [DeliveryEvent::EvidenceRecorded { evidence }]);
    assert_eq!(house.since().await, []);
}

#[tokio::test]
async fn a_delay_a_success_and_feedback_without_complaint_change_nothing() {
    let house = House::open().await;
    let id = house.accepted("v1").await;
    let mark = house.mark(id);
    let delayed = bounce(&mark, "delayed", "4.4.1", "451 4.4.1 no answer yet");
    let relayed = bounce(&mark, "relayed", "2.0.0", "250 ok");
    for (raw, kind) in
        [(delayed, "delayed"), (relayed, "went_on"), (complaint("not-spam", &mark), "no_complaint")]
    {
        let recorded = house.feed(&raw).await.unwrap();
        assert_eq!((recorded.kind, recorded.news, recorded.position), (kind, false, None));
    }
    assert_eq!((house.learned(id).await, house.since().await), (vec![], vec![]));
}

#[tokio::test]
async fn soft_bounces_suppress_for_a_while_once_there_are_several() {
    let config = ReturnsConfig { soft_bounce_limit: 3, ..ReturnsConfig::default() };
    let house = House::open_with(config).await;
    let mut found = Vec::new();
    for version in ["v1", "v2", "v3"] {
        let id = house.accepted(version).await;
        found.push(house.feed(&soft(&house.mark(id))).await.unwrap().suppressed);
    }
    assert_eq!(found, [None, None, Some(SuppressionReason::RepeatedSoft)]);
    assert_eq!(suppressed(&house.since().await), Some((SuppressionReason::RepeatedSoft, true)));
}

#[tokio::test]
async fn what_is_refused_for_its_content_says_nothing_of_the_address() {
    let house = House::open().await;
    let id = house.accepted("v1").await;
    let raw = bounce(&house.mark(id), "failed", "5.3.4", "552 5.3.4 too big");
    assert_eq!(house.feed(&raw).await.unwrap().suppressed, None);
    assert_eq!(house.learned(id).await.len(), 1);
    assert_eq!(house.since().await, []);
}

#[tokio::test]
async fn an_address_that_leads_elsewhere_by_now_is_left_alone() {
    let house = House::open().await;
    let id = house.accepted("v1").await;
    let changed = RecipientEvent::AddressChanged {
        address: "work".parse().unwrap(),
        value: house.sealed("ada@new.example").await,
        destination: "d2".parse().unwrap(),
        revision: 2,
    };
    house.append(ada(), vec![changed.clone().into()]).await;
    let recorded = house.feed(&hard(&house.mark(id))).await.unwrap();
    assert_eq!((recorded.news, recorded.suppressed), (true, None));
    assert_eq!(house.since().await, [changed]);
}

#[tokio::test]
async fn a_recipient_that_was_retired_gets_no_suppression_and_no_new_key() {
    let house = House::open().await;
    let id = house.accepted("v1").await;
    let retired = RecipientEvent::RecipientRetired { reason: "left".to_owned() };
    house.append(ada(), vec![retired.clone().into()]).await;
    house.store.vault.erase(&tenant(), &"ada".parse().unwrap()).await.unwrap();
    let recorded = house.feed(&hard(&house.mark(id))).await.unwrap();
    assert_eq!((recorded.news, recorded.suppressed), (true, None));
    let [DeliveryEvent::EvidenceRecorded { evidence: Evidence::Bounced { fault } }] =
        &house.learned(id).await[..]
    else {
        panic!("one piece of evidence and no other")
    };
    assert_eq!(fault.reply, None, "what was said is not kept under a key made for it");
    assert_eq!(house.since().await, [retired]);
}

#[tokio::test]
async fn a_forged_mark_and_none_at_all_change_nothing() {
    let house = House::open().await;
    let id = house.accepted("v1").await;
    let mark = house.mark(id);
    let forged = format!("{}{}", if mark.starts_with('a') { "b" } else { "a" }, &mark[1..]);
    for raw in [hard(&forged), complaint("abuse", &forged), out_of_office(&forged)] {
        assert!(matches!(house.feed(&raw).await, Err(ReturnError::Forged)));
    }
    // The Message-ID alone is known to everyone the mail was forwarded to.
    let original = format!(
        "--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{id}@acme.example>\r\n\
         X-Waybill-Delivery: {id}\r\n\r\n--b--"
    );
    let unmarked = hard("x").replace("--b--", &original);
    assert!(matches!(house.feed(&unmarked).await, Err(ReturnError::Unmarked)));
    assert_eq!((house.learned(id).await, house.since().await), (vec![], vec![]));
}

#[tokio::test]
async fn a_delivery_that_the_ledger_or_the_tenant_does_not_have_is_unknown() {
    let house = House::open().await;
    let unknown = delivery("never");
    let found = house.feed(&hard(&house.mark(unknown))).await;
    assert!(matches!(found, Err(ReturnError::UnknownDelivery { delivery }) if delivery == unknown));

    let id = house.accepted("v1").await;
    let raw = hard(&house.mark(id));
    let theirs = Incoming {
        tenant: Some("globex".parse().unwrap()),
        ..Incoming::by("test", raw.as_bytes(), &[])
    };
    let found = house.desk.record(&theirs).await;
    assert!(matches!(found, Err(ReturnError::UnknownDelivery { delivery }) if delivery == id));
    assert_eq!(house.learned(id).await, []);
}

#[tokio::test]
async fn what_comes_back_before_the_relays_answer_is_recorded_is_taken_later() {
    let house = House::open().await;
    let id = house.started("v1").await;
    let raw = hard(&house.mark(id));
    let early = house.feed(&raw).await.unwrap_err();
    assert!(early.may_pass(), "{early}");
    house.accept(id).await;
    assert!(house.feed(&raw).await.unwrap().news);
}

#[tokio::test]
async fn what_is_no_report_is_refused_and_not_taken_later() {
    let config = ReturnsConfig { max_message_bytes: 10_000, ..ReturnsConfig::default() };
    let house = House::open_with(config).await;
    let id = house.accepted("v1").await;
    let mark = house.mark(id);
    let person = out_of_office(&mark).replace("Auto-Submitted: auto-replied\r\n", "");
    let large = format!("{}{}", hard(&mark), "x".repeat(10_000));
    for (raw, name) in
        [(person.as_str(), "not_a_report"), ("no message", "unreadable"), (&large, "too_large")]
    {
        let refused = house.feed(raw).await.unwrap_err();
        assert_eq!((refused.name(), refused.may_pass()), (name, false));
    }
    assert_eq!(house.learned(id).await, []);
}

#[tokio::test]
async fn reports_that_come_in_at_the_same_time_are_recorded_once() {
    let house = House::open().await;
    let id = house.accepted("v1").await;
    let raw = hard(&house.mark(id));
    let feeding = (0..8).map(|_| house.feed(&raw));
    let news = futures::future::join_all(feeding).await;
    assert_eq!(news.into_iter().filter(|one| one.as_ref().unwrap().news).count(), 1);
    assert_eq!((house.learned(id).await.len(), house.since().await.len()), (1, 1));
}
