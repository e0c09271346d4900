#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use schema::events::GroupEvent;
use schema::{Addressee, StreamId};

use super::Groups;
use super::queries::{self, GroupFilter, GroupRow, MemberFilter, MemberKind};
use crate::PageRequest;
use crate::testing::{Log, Tables, acme, instant};

fn desk() -> StreamId {
    StreamId::group(&acme(), &"desk".parse().unwrap())
}

fn ann() -> Addressee {
    Addressee::Recipient("ann".parse().unwrap())
}

/// Desk holds bob and floor; ann came, went and came back. Floor, which holds bob, is retired.
fn log() -> Log {
    let mut log = Log::default();
    let floor = StreamId::group(&acme(), &"floor".parse().unwrap());
    let bob = || Addressee::Recipient("bob".parse().unwrap());
    let inner = Addressee::Group("floor".parse().unwrap());
    log.tell(desk(), GroupEvent::GroupCreated { title: "Desk".to_owned() });
    log.tell(floor.clone(), GroupEvent::GroupCreated { title: "Floor".to_owned() });
    log.tell(desk(), GroupEvent::MemberAdded { member: ann() });
    log.tell(desk(), GroupEvent::MemberAdded { member: bob() });
    log.tell(desk(), GroupEvent::MemberRemoved { member: ann() });
    log.tell(desk(), GroupEvent::MemberAdded { member: inner });
    log.tell(desk(), GroupEvent::MemberAdded { member: ann() });
    log.tell(desk(), GroupEvent::GroupChanged { title: "Desk 7".to_owned() });
    log.tell(floor.clone(), GroupEvent::MemberAdded { member: bob() });
    log.tell(floor, GroupEvent::GroupRetired { reason: "closed".to_owned() });
    log
}

#[tokio::test]
async fn a_group_is_told_with_what_it_holds_itself() {
    let mut tables = Tables::start().await;
    tables.fold(&Groups, &log(), 3).await;
    let pool = tables.test.ledger.pool();
    let found = queries::by_ids(pool, "acme", &["desk".to_owned()]).await.unwrap();
    let expected = GroupRow {
        tenant: "acme".to_owned(),
        group_id: "desk".to_owned(),
        title: "Desk 7".to_owned(),
        recipient_count: 2,
        group_count: 1,
        created_at: instant(1),
        changed_at: instant(8),
        retired_at: None,
        retire_reason: None,
        position: 1,
        sequence: 7,
    };
    assert_eq!(found, vec![expected]);
    let filter = |kind| MemberFilter { tenant: "acme".into(), group: "desk".into(), kind };
    let page = queries::members(pool, &filter(None), &PageRequest::first(2)).await.unwrap();
    let names: Vec<_> = page.edges.iter().map(|edge| edge.row.member.as_str()).collect();
    assert_eq!((names, page.has_next), (vec!["ann", "floor"], true));
    assert_eq!(page.edges[0].row.added_at, instant(7));
    for (kind, count) in [(None, 3), (Some(MemberKind::Recipient), 2), (Some(MemberKind::Group), 1)]
    {
        assert_eq!(queries::count_members(pool, &filter(kind)).await.unwrap(), count);
    }
}

#[tokio::test]
async fn groups_are_found_by_whom_they_hold() {
    let mut tables = Tables::start().await;
    tables.fold(&Groups, &log(), 100).await;
    let pool = tables.test.ledger.pool();
    let all = GroupFilter::of("acme");
    let (bob, floor) = (Some("bob".to_owned()), Some("floor".to_owned()));
    for (filter, expected) in [
        (all.clone(), vec!["floor", "desk"]),
        (GroupFilter { retired: Some(false), ..all.clone() }, vec!["desk"]),
        (GroupFilter { recipient: bob.clone(), ..all.clone() }, vec!["floor", "desk"]),
        (GroupFilter { group: floor, ..all.clone() }, vec!["desk"]),
        (GroupFilter { retired: Some(true), recipient: bob, ..all }, vec!["floor"]),
    ] {
        let page = queries::page(pool, &filter, &PageRequest::first(9)).await.unwrap();
        let names: Vec<_> = page.edges.iter().map(|edge| edge.row.group_id.as_str()).collect();
        assert_eq!(names, expected, "{filter:?}");
        assert_eq!(queries::count(pool, &filter).await.unwrap(), expected.len() as i64);
    }
    let names = ["ann".to_owned(), "bob".to_owned()];
    let holding = queries::holding(pool, "acme", &names, 9).await.unwrap();
    let told: Vec<_> =
        holding.iter().map(|row| (row.member.as_str(), row.group_id.as_str())).collect();
    assert_eq!(told, [("ann", "desk"), ("bob", "desk")]);
}
