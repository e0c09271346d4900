use super::*;

fn schedule(plan: DeliveryPlan) -> Command {
    Command::Schedule(Box::new(plan))
}

#[test]
fn a_delivery_is_scheduled() {
    given(vec![]).when(schedule(plan())).then(vec![scheduled()]);
}

#[test]
fn scheduling_twice_changes_nothing_at_any_time() {
    given(vec![scheduled()]).when(schedule(plan())).then(vec![]);
    given(held()).when(schedule(plan())).then(vec![]);
    given(closed()).when(schedule(plan())).then(vec![]);
}

#[test]
fn a_delivery_has_one_plan() {
    let other = DeliveryPlan { slice: 1, ..plan() };
    given(vec![scheduled()]).when(schedule(other)).refused(Refusal::AlreadyScheduled);
}

#[test]
fn a_plan_leaves_time_and_one_attempt_at_least() {
    let late = DeliveryPlan { deadline: NOW, ..plan() };
    let refusal = Refusal::DeadlineNotAfterReceipt { deadline: NOW, received_at: NOW };
    given(vec![]).when(schedule(late)).refused(refusal);
    let retry = RetrySchedule { attempt_limit: 0, ..RETRY };
    let refusal = Invalid::new("retry.attempt_limit", "0", "must be at least 1").into();
    given(vec![]).when(schedule(DeliveryPlan { retry, ..plan() })).refused(refusal);
}

#[test]
fn an_attempt_starts() {
    given(vec![scheduled()]).when(start()).then(vec![started(1)]);
}

#[test]
fn an_attempt_follows_a_failed_one_and_one_in_doubt() {
    let failed = failure(1, FailureClass::Transient, retry());
    given(after(attempting(), &[failed])).when(start()).then(vec![started(2)]);
    given(in_doubt()).when(start()).then(vec![started(2)]);
}

#[test]
fn only_one_attempt_is_under_way() {
    given(attempting()).when(start()).refused(Refusal::AttemptUnderWay { attempt: 1 });
}

#[test]
fn nothing_unscheduled_held_or_closed_is_attempted() {
    given(vec![]).when(start()).refused(Refusal::NotScheduled);
    given(held()).when(start()).refused(Refusal::Held { attempt: 2 });
    given(closed()).when(start()).refused(Refusal::Closed { outcome: Outcome::Accepted });
}

#[test]
fn nothing_is_attempted_past_the_deadline() {
    let deadline = plan().deadline;
    let late = Command::StartAttempt { node: "n1".to_owned(), address_revision: 1, now: deadline };
    given(vec![scheduled()]).when(late).refused(Refusal::DeadlinePassed { deadline });
}

#[test]
fn attempts_are_limited_even_if_a_stream_promised_more() {
    let failed = |n| failure(n, FailureClass::Transient, retry());
    let events = [failed(1), started(2), failed(2), started(3), failed(3)];
    given(after(attempting(), &events))
        .when(start())
        .refused(Refusal::AttemptsExhausted { attempt_limit: 3 });
}

#[test]
fn a_success_closes_the_delivery_as_its_receipt_proves() {
    for (proof, outcome) in
        [(Proof::Accepted, Outcome::Accepted), (Proof::Delivered, Outcome::Delivered)]
    {
        let receipt = receipt(proof);
        let event = ended(1, AttemptOutcome::Succeeded { receipt: receipt.clone() });
        given(attempting())
            .when(end(1, AttemptResult::Succeeded(receipt)))
            .then(vec![event.clone()]);
        assert_eq!(fold::<Rules>(&after(attempting(), &[event])).outcome(), Some(outcome));
    }
}

#[test]
fn a_success_counts_even_past_the_deadline() {
    let (result, now) = (AttemptResult::Succeeded(accepted()), plan().deadline.plus_ms(5));
    let (sent_at, elapsed_us) = (Some(NOW), Some(900));
    let late = AttemptEnd { attempt: 1, sent_at, elapsed_us, result, now, draw: 0 };
    given(attempting()).when(Command::EndAttempt(late)).then(vec![success(1)]);
}

#[test]
fn what_may_pass_is_tried_again() {
    for class in [
        FailureClass::Transient,
        FailureClass::Throttled,
        FailureClass::Auth,
        FailureClass::Config,
        FailureClass::Unknown,
    ] {
        given(attempting()).when(fails(1, class)).then(vec![failure(1, class, retry())]);
    }
}

#[test]
fn what_does_not_pass_is_given_up_at_once() {
    for class in [FailureClass::Content, FailureClass::RecipientPermanent, FailureClass::Policy] {
        let event = failure(1, class, dead(DeadLetterReason::NotRetryable));
        given(attempting()).when(fails(1, class)).then(vec![event.clone()]);
        let state = fold::<Rules>(&after(attempting(), &[event]));
        assert_eq!(state.outcome(), Some(Outcome::DeadLettered));
    }
}

#[test]
fn a_retry_after_is_honoured() {
    let throttled = Fault { retry_after_ms: Some(30_000), ..fault(FailureClass::Throttled) };
    let next = NextStep::RetryAt { at: NOW.plus_ms(31_000) };
    let outcome = AttemptOutcome::Failed { fault: throttled.clone(), next };
    given(attempting())
        .when(end(1, AttemptResult::Failed(throttled)))
        .then(vec![ended(1, outcome)]);
}

#[test]
fn the_last_attempts_failure_gives_up() {
    let failed = |n| failure(n, FailureClass::Transient, retry());
    let events = after(attempting(), &[failed(1), started(2), failed(2), started(3)]);
    let given_up = failure(3, FailureClass::Transient, dead(DeadLetterReason::AttemptsExhausted));
    given(events).when(fails(3, FailureClass::Transient)).then(vec![given_up]);
}

#[test]
fn a_retry_that_would_come_too_late_gives_up() {
    let brief = DeliveryPlan { deadline: NOW.plus_ms(1000), ..plan() };
    let events = vec![Event::DeliveryScheduled(brief), started(1)];
    let too_late = failure(1, FailureClass::Transient, dead(DeadLetterReason::DeadlinePassed));
    given(events).when(fails(1, FailureClass::Transient)).then(vec![too_late]);
}

#[test]
fn the_end_of_an_attempt_that_never_began_is_refused() {
    let refusal = |attempt_count| Refusal::NoSuchAttempt { attempt: 2, attempt_count };
    given(vec![scheduled()]).when(fails(2, FailureClass::Transient)).refused(refusal(0));
    given(attempting()).when(fails(2, FailureClass::Transient)).refused(refusal(1));
    given(vec![]).when(fails(1, FailureClass::Transient)).refused(Refusal::NotScheduled);
    given(attempting())
        .when(fails(0, FailureClass::Transient))
        .refused(Refusal::NoSuchAttempt { attempt: 0, attempt_count: 1 });
}

#[test]
fn an_attempt_that_has_ended_stays_as_it_ended() {
    let failed = failure(1, FailureClass::Transient, retry());
    let events = after(attempting(), &[failed]);
    given(events.clone()).when(fails(1, FailureClass::Content)).then(vec![]);
    given(events).when(end(1, AttemptResult::Succeeded(accepted()))).then(vec![]);
    given(closed()).when(end(1, AttemptResult::Succeeded(accepted()))).then(vec![]);
}

#[test]
fn what_is_to_do_follows_from_the_state() {
    let to_do = |events: &[Event]| fold::<Rules>(events).to_do();
    let line = |lane, due| Some(ToDo { lane, due });
    let soon = Due::At(NOW.plus_ms(1000));
    assert_eq!(to_do(&[]), None);
    assert_eq!(to_do(&[scheduled()]), line(Lane::First, Due::At(NOW)));
    assert_eq!(to_do(&attempting()), line(Lane::First, Due::Leased));
    let failed = failure(1, FailureClass::Transient, retry());
    let failed = after(attempting(), &[failed]);
    assert_eq!(to_do(&failed), line(Lane::Retry, soon));
    assert_eq!(to_do(&after(failed, &[started(2)])), line(Lane::Retry, Due::Leased));
    assert_eq!(to_do(&in_doubt()), line(Lane::Retry, soon));
    assert_eq!(to_do(&held()), line(Lane::Held, Due::At(plan().deadline)));
    assert_eq!(to_do(&closed()), None);
}

#[test]
fn nothing_waits_past_its_deadline() {
    let far = NextStep::RetryAt { at: plan().deadline.plus_ms(1) };
    let events = after(attempting(), &[failure(1, FailureClass::Transient, far)]);
    let due = Due::At(plan().deadline);
    assert_eq!(fold::<Rules>(&events).to_do(), Some(ToDo { lane: Lane::Retry, due }));
}

#[test]
fn lanes_keep_their_numbers() {
    assert_eq!([Lane::First, Lane::Retry, Lane::Held].map(Lane::number), [0, 1, 2]);
}
