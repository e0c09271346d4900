#![expect(clippy::unwrap_used, reason = "a test says what it expected")]

use schema::{Planned, TimingRule};

use super::*;

fn at(ms: u64) -> Option<Planned> {
    let rules = vec![TimingRule::LocalTime];
    Some(Planned { due: NOW.plus_ms(ms), zone: crate::samples::name("Europe/Berlin"), rules })
}

fn planned(ms: u64) -> Event {
    Event::DeliveryScheduled(DeliveryPlan { planned: at(ms), ..plan() })
}

fn move_to(planned: Option<Planned>) -> Command {
    Command::Reschedule { planned }
}

fn due(events: &[Event]) -> ToDo {
    fold::<Rules>(events).to_do().unwrap()
}

#[test]
fn a_delivery_waits_for_its_planned_time_and_never_past_its_deadline() {
    let first = |at| ToDo { lane: Lane::First, due: Due::At(at) };
    assert_eq!(due(&[scheduled()]), first(NOW));
    assert_eq!(due(&[planned(60_000)]), first(NOW.plus_ms(60_000)));
    let moved = |ms| Event::DeliveryRescheduled { planned: at(ms) };
    assert_eq!(due(&[planned(60_000), moved(90_000)]), first(NOW.plus_ms(90_000)));
    assert_eq!(due(&[planned(60_000), moved(9_000_000)]), first(plan().deadline));
    let at_once = Event::DeliveryRescheduled { planned: None };
    assert_eq!(due(&[planned(60_000), at_once]), first(NOW));
}

#[test]
fn what_has_not_begun_is_moved_and_to_the_same_time_is_nothing() {
    given(vec![planned(60_000)])
        .when(move_to(at(90_000)))
        .then(vec![Event::DeliveryRescheduled { planned: at(90_000) }]);
    given(vec![scheduled()])
        .when(move_to(at(90_000)))
        .then(vec![Event::DeliveryRescheduled { planned: at(90_000) }]);
    given(vec![planned(60_000)])
        .when(move_to(None))
        .then(vec![Event::DeliveryRescheduled { planned: None }]);
    given(vec![planned(60_000)]).when(move_to(at(60_000))).then(vec![]);
}

#[test]
fn what_has_begun_was_closed_or_never_planned_is_not_moved() {
    given(vec![]).when(move_to(None)).refused(Refusal::NotScheduled);
    given(vec![scheduled(), started(1)]).when(move_to(at(1))).refused(Refusal::AlreadyBegun);
    let next = NextStep::RetryAt { at: NOW.plus_ms(1_000) };
    let failed = failure(1, FailureClass::Transient, next);
    let retrying = vec![scheduled(), started(1), failed];
    given(retrying).when(move_to(at(1))).refused(Refusal::AlreadyBegun);
    let closed = vec![scheduled(), started(1), success(1)];
    let refusal = Refusal::Closed { outcome: Outcome::Accepted };
    given(closed).when(move_to(None)).refused(refusal);
}
