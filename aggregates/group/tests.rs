#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

use schema::{Addressee, GroupId, Invalid, RecipientId};

use super::{
    Command, Event, Group, MAX_DEPTH, MAX_GROUPS, MAX_RECIPIENTS, Nesting, Refusal, Rules,
};
use crate::decider::{fold, run};
use crate::given::{Given, given as given_events};
use crate::samples::name;

fn given(events: Vec<Event>) -> Given<Rules> {
    given_events(events)
}

fn desk() -> String {
    "Desk 7".to_owned()
}

fn created() -> Event {
    Event::GroupCreated { title: desk() }
}

fn retired() -> Event {
    Event::GroupRetired { reason: "closed".to_owned() }
}

fn added(recipient: &str) -> Event {
    Event::MemberAdded { member: Addressee::Recipient(name(recipient)) }
}

fn removed(recipient: &str) -> Event {
    Event::MemberRemoved { member: Addressee::Recipient(name(recipient)) }
}

fn settle(add: &[&str], remove: &[&str]) -> Command {
    let names = |of: &[&str]| of.iter().map(|one| name::<RecipientId>(one)).collect();
    Command::Settle { add: names(add), remove: names(remove) }
}

fn nest(group: &str, way_back: &[&str], above: usize, below: usize) -> Command {
    let way_back = way_back.iter().map(|one| name::<GroupId>(one)).collect();
    Command::AddGroup { group: name(group), nesting: Nesting { way_back, above, below } }
}

fn holds(group: &str) -> Event {
    Event::MemberAdded { member: Addressee::Group(name(group)) }
}

#[test]
fn a_group_is_made() {
    given(vec![]).when(Command::Create { title: desk() }).then(vec![created()]);
}

#[test]
fn making_a_group_twice_changes_nothing_and_calling_it_otherwise_is_refused() {
    given(vec![created()]).when(Command::Create { title: desk() }).then(vec![]);
    given(vec![created()])
        .when(Command::Create { title: "Desk 8".to_owned() })
        .refused(Refusal::AlreadyCreated { title: desk() });
}

#[test]
fn a_group_has_a_title_of_one_line() {
    let invalid = Invalid::new("title", "", "must have 1 to 200 bytes");
    let empty = || String::new();
    given(vec![]).when(Command::Create { title: empty() }).refused(invalid.clone().into());
    given(vec![created()]).when(Command::Change { title: empty() }).refused(invalid.into());
}

#[test]
fn a_group_is_called_something_else() {
    let title = "Desk 8".to_owned();
    given(vec![created()])
        .when(Command::Change { title: title.clone() })
        .then(vec![Event::GroupChanged { title }]);
    given(vec![created()]).when(Command::Change { title: desk() }).then(vec![]);
}

#[test]
fn recipients_come_and_go_in_one_go_each_once() {
    given(vec![created(), added("bob"), added("cy")])
        .when(settle(&["eve", "ada", "ada", "bob"], &["cy", "cy", "nobody"]))
        .then(vec![removed("cy"), added("ada"), added("eve")]);
}

#[test]
fn who_is_named_to_come_and_to_go_stays() {
    given(vec![created(), added("bob")]).when(settle(&["bob"], &["bob"])).then(vec![]);
    given(vec![created()]).when(settle(&["bob"], &["bob"])).then(vec![added("bob")]);
}

#[test]
fn a_group_holds_so_many_recipients_and_no_more() {
    let mut state = fold::<Rules>(&[created()]);
    let all = (0..MAX_RECIPIENTS).map(|n| name(&format!("r{n}"))).collect();
    run::<Rules>(&mut state, Command::Settle { add: all, remove: vec![] }).unwrap();
    let (what, count, limit) = ("recipients", MAX_RECIPIENTS + 1, MAX_RECIPIENTS);
    let refusal = Refusal::TooManyMembers { what, count, limit };
    assert_eq!(run::<Rules>(&mut state, settle(&["one-more"], &[])), Err(refusal));
    assert_eq!(run::<Rules>(&mut state, settle(&["one-more"], &["r0"])).map(|e| e.len()), Ok(2));
}

#[test]
fn a_group_holds_so_many_groups_and_no_more() {
    let events = (0..MAX_GROUPS).map(|n| holds(&format!("g{n}")));
    let events: Vec<_> = std::iter::once(created()).chain(events).collect();
    let (what, count, limit) = ("groups", MAX_GROUPS + 1, MAX_GROUPS);
    let refusal = Refusal::TooManyMembers { what, count, limit };
    given(events).when(nest("one-more", &[], 1, 1)).refused(refusal);
}

#[test]
fn a_group_holds_another_one_once() {
    given(vec![created()]).when(nest("desk-8", &[], 1, 1)).then(vec![holds("desk-8")]);
    given(vec![created(), holds("desk-8")]).when(nest("desk-8", &[], 1, 1)).then(vec![]);
}

#[test]
fn a_group_that_would_be_in_itself_is_refused_by_its_way_round() {
    let path = ["desk-7", "desk-8", "floor", "desk-7"].map(name::<GroupId>).to_vec();
    let refusal = Refusal::Cycle { path };
    assert_eq!(
        refusal.to_string(),
        "the group would be in itself: desk-7 holds desk-8 holds floor holds desk-7"
    );
    given(vec![created()])
        .when(nest("desk-8", &["desk-8", "floor", "desk-7"], 2, 3))
        .refused(refusal);
}

#[test]
fn groups_lie_in_each_other_only_so_deep() {
    given(vec![created()]).when(nest("g", &[], 3, MAX_DEPTH - 3)).then(vec![holds("g")]);
    let refusal = Refusal::TooDeep { depth: MAX_DEPTH + 1, limit: MAX_DEPTH };
    given(vec![created()]).when(nest("g", &[], 4, MAX_DEPTH - 3)).refused(refusal);
}

#[test]
fn a_group_is_let_go_of_once() {
    let remove = || Command::RemoveGroup { group: name("desk-8") };
    let gone = Event::MemberRemoved { member: Addressee::Group(name("desk-8")) };
    given(vec![created(), holds("desk-8")]).when(remove()).then(vec![gone]);
    given(vec![created()]).when(remove()).then(vec![]);
}

#[test]
fn a_retired_group_holds_nobody_and_is_not_changed() {
    let retire = || Command::Retire { reason: "closed".to_owned() };
    given(vec![created(), added("ada")]).when(retire()).then(vec![retired()]);
    given(vec![created(), retired()]).when(retire()).then(vec![]);
    for command in [
        Command::Create { title: desk() },
        Command::Change { title: desk() },
        settle(&["ada"], &[]),
        nest("desk-8", &[], 1, 1),
        Command::RemoveGroup { group: name("desk-8") },
    ] {
        given(vec![created(), retired()]).when(command).refused(Refusal::Retired);
    }
    let state = fold::<Rules>(&[created(), added("ada"), retired(), added("bob")]);
    assert_eq!((state.members(), &state), (None, &Group::Retired));
}

#[test]
fn what_was_never_made_is_not_changed() {
    for command in [
        Command::Change { title: desk() },
        settle(&["ada"], &[]),
        nest("desk-8", &[], 1, 1),
        Command::RemoveGroup { group: name("desk-8") },
        Command::Retire { reason: "closed".to_owned() },
    ] {
        given(vec![]).when(command).refused(Refusal::NotCreated);
    }
}
