use schema::events::PauseScope;
use schema::{ChannelKind, Invalid, Position};

use super::{Command, Event, MAX_PAUSES, Refusal, Rules, Tenant};
use crate::decider::fold;
use crate::given::{Given, given as given_events};
use crate::samples::name;

fn given(events: Vec<Event>) -> Given<Rules> {
    given_events(events)
}

fn created() -> Event {
    Event::TenantCreated { title: "Acme".to_owned() }
}

fn create(title: &str) -> Command {
    Command::Create { title: title.to_owned() }
}

fn paused(scope: PauseScope) -> Event {
    Event::DispatchPaused { scope, reason: "storm".to_owned() }
}

fn pause(scope: PauseScope) -> Command {
    Command::PauseDispatch { scope, reason: "storm".to_owned() }
}

fn mail() -> PauseScope {
    PauseScope::Channel { channel: ChannelKind::Mail }
}

fn skip() -> Command {
    let (follower, reason) = ("projector".to_owned(), "unreadable".to_owned());
    Command::SkipEvent { follower, position: Position(7), reason }
}

fn skipped() -> Event {
    let (follower, reason) = ("projector".to_owned(), "unreadable".to_owned());
    Event::EventSkipped { follower, position: Position(7), reason }
}

fn accept(known: i64) -> Command {
    let reason = "no mirror".to_owned();
    Command::AcceptLoss { head: Position(7), known: Position(known), reason }
}

fn accepted(known: i64) -> Event {
    let reason = "no mirror".to_owned();
    Event::LossAccepted { head: Position(7), known: Position(known), reason }
}

#[test]
fn a_loss_is_accepted_once() {
    given(vec![created()]).when(accept(11)).then(vec![accepted(11)]);
    given(vec![created(), accepted(11)]).when(accept(9)).then(vec![]);
    given(vec![created(), accepted(11)]).when(accept(12)).then(vec![accepted(12)]);
}

#[test]
fn a_loss_that_is_none_is_not_accepted() {
    let refusal = Refusal::NothingLost { head: Position(7), known: Position(6) };
    given(vec![created()]).when(accept(6)).refused(refusal);
    given(vec![]).when(accept(11)).refused(Refusal::NotCreated);
}

#[test]
fn a_tenant_is_created() {
    given(vec![]).when(create("Acme")).then(vec![created()]);
}

#[test]
fn creating_a_tenant_twice_changes_nothing() {
    given(vec![created()]).when(create("Acme")).then(vec![]);
}

#[test]
fn a_tenant_is_not_created_over_another() {
    let refusal = Refusal::AlreadyCreated { title: "Acme".to_owned() };
    given(vec![created()]).when(create("Apex")).refused(refusal);
}

#[test]
fn a_title_is_one_line() {
    let rule = "must not contain control characters such as CR, LF or NUL";
    let refusal = Refusal::Invalid(Invalid::new("title", "A\\nB", rule));
    given(vec![]).when(create("A\nB")).refused(refusal);
}

#[test]
fn sends_are_held_back() {
    given(vec![created()]).when(pause(mail())).then(vec![paused(mail())]);
}

#[test]
fn holding_back_twice_changes_nothing() {
    given(vec![created(), paused(mail())]).when(pause(mail())).then(vec![]);
}

#[test]
fn nothing_is_held_back_for_a_tenant_that_does_not_exist() {
    given(vec![]).when(pause(PauseScope::All)).refused(Refusal::NotCreated);
}

#[test]
fn pauses_are_bounded() {
    let scope = |n| PauseScope::Destination { destination: name(&format!("d{n}")) };
    let mut events = vec![created()];
    events.extend((0..MAX_PAUSES).map(|n| paused(scope(n))));
    given(events)
        .when(pause(scope(MAX_PAUSES)))
        .refused(Refusal::TooManyPauses { pause_count: MAX_PAUSES });
}

#[test]
fn sends_go_on() {
    given(vec![created(), paused(mail())])
        .when(Command::ResumeDispatch { scope: mail() })
        .then(vec![Event::DispatchResumed { scope: mail() }]);
}

#[test]
fn resuming_what_is_not_paused_changes_nothing() {
    given(vec![created(), paused(mail())])
        .when(Command::ResumeDispatch { scope: PauseScope::All })
        .then(vec![]);
}

#[test]
fn nothing_is_resumed_for_a_tenant_that_does_not_exist() {
    given(vec![]).when(Command::ResumeDispatch { scope: mail() }).refused(Refusal::NotCreated);
}

#[test]
fn a_follower_is_told_to_leave_out_an_event() {
    given(vec![created()]).when(skip()).then(vec![skipped()]);
}

#[test]
fn leaving_out_an_event_twice_changes_nothing() {
    given(vec![created(), skipped()]).when(skip()).then(vec![]);
}

#[test]
fn nothing_is_left_out_before_the_installation_has_its_tenant() {
    given(vec![]).when(skip()).refused(Refusal::NotCreated);
}

#[test]
fn the_widest_pause_is_named_first() {
    let to_d1 = PauseScope::Destination { destination: name("d1") };
    let pause_of =
        |events: Vec<Event>| fold::<Rules>(&events).pause(ChannelKind::Mail, &name("d1"));
    assert_eq!(pause_of(vec![created()]), None);
    assert_eq!(pause_of(vec![created(), paused(to_d1.clone())]), Some(to_d1.clone()));
    assert_eq!(pause_of(vec![created(), paused(to_d1), paused(mail())]), Some(mail()));
    assert_eq!(
        pause_of(vec![created(), paused(mail()), paused(PauseScope::All)]),
        Some(PauseScope::All)
    );
    assert_eq!(Tenant::Unknown.pause(ChannelKind::Mail, &name("d1")), None);
}

mod calendars;
