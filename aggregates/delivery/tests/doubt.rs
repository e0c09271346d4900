use super::*;

fn lose(attempt: u32) -> Command {
    Command::LoseAttempt { attempt, now: NOW, draw: u64::MAX }
}

#[test]
fn a_sender_never_heard_of_again_leaves_a_doubt() {
    let outcome = AttemptOutcome::InDoubt { code: LEASE_ENDED.to_owned(), next: retry() };
    let event = Event::AttemptEnded { attempt: 1, sent_at: None, elapsed_us: None, outcome };
    given(attempting()).when(lose(1)).then(vec![event]);
}

#[test]
fn losing_an_attempt_that_has_ended_changes_nothing() {
    given(in_doubt()).when(lose(1)).then(vec![]);
    given(closed()).when(lose(1)).then(vec![]);
}

#[test]
fn an_attempt_that_never_began_is_not_lost() {
    given(vec![scheduled()])
        .when(lose(1))
        .refused(Refusal::NoSuchAttempt { attempt: 1, attempt_count: 0 });
}

#[test]
fn a_doubt_is_tried_again_while_the_schedule_allows() {
    given(attempting()).when(doubts(1)).then(vec![doubt(1, retry())]);
}

#[test]
fn a_fault_of_class_in_doubt_is_a_doubt() {
    let unanswered = Fault { code: "cut".to_owned(), ..fault(FailureClass::InDoubt) };
    given(attempting())
        .when(end(1, AttemptResult::Failed(unanswered)))
        .then(vec![doubt(1, retry())]);
}

#[test]
fn one_doubt_too_many_is_held_for_a_person() {
    given(after(in_doubt(), &[started(2)])).when(doubts(2)).then(vec![doubt(2, NextStep::Held)]);
}

#[test]
fn after_a_loss_whatever_is_open_may_have_been_sent_once_more() {
    let lost = || Command::DoubtAfterLoss { node: "n1".to_owned() };
    let begun =
        |attempt| Event::AttemptStarted { attempt, node: "n1".to_owned(), address_revision: 0 };
    let held = |attempt| {
        let outcome = AttemptOutcome::InDoubt { code: LOG_LOST.to_owned(), next: NextStep::Held };
        Event::AttemptEnded { attempt, sent_at: None, elapsed_us: None, outcome }
    };
    given(vec![scheduled()]).when(lost()).then(vec![begun(1), held(1)]);
    given(attempting()).when(lost()).then(vec![held(1)]);
    given(in_doubt()).when(lost()).then(vec![begun(2), held(2)]);
    given(vec![scheduled(), begun(1), held(1)]).when(lost()).then(vec![]);
    given(closed()).when(lost()).then(vec![]);
    given(vec![]).when(lost()).refused(Refusal::NotScheduled);
}

#[test]
fn a_doubt_in_the_last_attempt_is_held() {
    let failed = |n| failure(n, FailureClass::Transient, retry());
    let events = after(attempting(), &[failed(1), started(2), failed(2), started(3)]);
    given(events).when(doubts(3)).then(vec![doubt(3, NextStep::Held)]);
}

#[test]
fn a_doubt_that_cannot_be_tried_again_in_time_is_held() {
    let brief = DeliveryPlan { deadline: NOW.plus_ms(1000), ..plan() };
    given(vec![Event::DeliveryScheduled(brief), started(1)])
        .when(doubts(1))
        .then(vec![doubt(1, NextStep::Held)]);
}

/// As [`in_doubt`] and [`held`], over another channel than mail.
fn by_webhook(events: &[Event]) -> Vec<Event> {
    let plan = DeliveryPlan { channel: ChannelKind::Webhook, ..plan() };
    after(vec![Event::DeliveryScheduled(plan)], &events[1..])
}

/// A doubt, and a second attempt that failed for good: the first may have arrived all the same.
fn held_by_an_earlier_doubt() -> Vec<Event> {
    let refused = failure(2, FailureClass::RecipientPermanent, NextStep::Held);
    after(in_doubt(), &[started(2), refused])
}

#[test]
fn a_mail_that_may_have_arrived_is_held_instead_of_given_up() {
    let under_way = after(in_doubt(), &[started(2)]);
    for class in [FailureClass::RecipientPermanent, FailureClass::Content, FailureClass::Policy] {
        let held = failure(2, class, NextStep::Held);
        given(under_way.clone()).when(fails(2, class)).then(vec![held]);
    }
    let failed = failure(2, FailureClass::Transient, retry());
    let last = after(under_way.clone(), &[failed, started(3)]);
    let exhausted = failure(3, FailureClass::Transient, NextStep::Held);
    given(last).when(fails(3, FailureClass::Transient)).then(vec![exhausted]);
    let brief = DeliveryPlan { deadline: NOW.plus_ms(1000), ..plan() };
    let brief = after(vec![Event::DeliveryScheduled(brief)], &under_way[1..]);
    let too_late = failure(2, FailureClass::Transient, NextStep::Held);
    given(brief).when(fails(2, FailureClass::Transient)).then(vec![too_late]);
}

#[test]
fn a_webhooks_refusal_speaks_for_earlier_doubts_under_the_same_id() {
    let given_up = failure(2, FailureClass::Content, dead(DeadLetterReason::NotRetryable));
    given(by_webhook(&after(in_doubt(), &[started(2)])))
        .when(fails(2, FailureClass::Content))
        .then(vec![given_up.clone()]);
    let state = fold::<Rules>(&by_webhook(&after(in_doubt(), &[started(2), given_up])));
    let Delivery::Closed(closed) = state else { unreachable!() };
    assert_eq!((closed.outcome, closed.unsettled), (Outcome::DeadLettered, vec![1]));
}

#[test]
fn the_deadline_holds_what_may_have_arrived() {
    let at_deadline = |attempt, outcome| Event::AttemptEnded {
        attempt,
        sent_at: None,
        elapsed_us: None,
        outcome,
    };
    let doubted = || {
        let (code, next) = (DEADLINE_PASSED.to_owned(), NextStep::Held);
        at_deadline(1, AttemptOutcome::InDoubt { code, next })
    };
    given(in_doubt()).when(expire(None)).then(vec![doubted()]);
    given(by_webhook(&in_doubt())).when(expire(None)).then(vec![doubted()]);
    let state = fold::<Rules>(&after(in_doubt(), &[doubted()]));
    assert!(matches!(&state, Delivery::Held { course } if course.doubtful == [1]), "{state:?}");

    let failed = failure(2, FailureClass::Transient, retry());
    let retrying = after(in_doubt(), &[started(2), failed]);
    given(retrying.clone()).when(expire(None)).then(vec![doubted()]);
    given(by_webhook(&retrying)).when(expire(None)).then(vec![expired()]);

    let under_way = after(in_doubt(), &[started(2)]);
    let code = DEADLINE_PASSED.to_owned();
    let fault = Fault { code, ..fault(FailureClass::Transient) };
    let unsent = at_deadline(2, AttemptOutcome::Failed { fault, next: NextStep::Held });
    given(under_way.clone()).when(expire(Some(2))).then(vec![unsent.clone()]);
    let state = fold::<Rules>(&after(under_way, &[unsent]));
    assert!(matches!(&state, Delivery::Held { course } if course.doubtful == [1]), "{state:?}");
}

#[test]
fn what_is_held_waits_for_a_person_past_its_deadline() {
    given(held()).when(expire(None)).refused(Refusal::Held { attempt: 2 });
    given(by_webhook(&held())).when(expire(None)).refused(Refusal::Held { attempt: 2 });
    given(held_by_an_earlier_doubt()).when(expire(None)).refused(Refusal::Held { attempt: 1 });
    given(held_by_an_earlier_doubt()).when(start()).refused(Refusal::Held { attempt: 1 });
    let note = "asked".to_owned();
    let (resolution, now) = (Resolution::NotArrived, plan().deadline);
    let late = Command::ResolveDoubt { attempt: 1, resolution, note, now, draw: 0 };
    let next = Some(dead(DeadLetterReason::DeadlinePassed));
    given(held_by_an_earlier_doubt()).when(late).then(vec![resolved(1, resolution, next)]);
}

#[test]
fn a_person_settles_an_earlier_doubt_that_holds_a_delivery() {
    let event = resolved(1, Resolution::Arrived, None);
    given(held_by_an_earlier_doubt()).when(resolve(1, Resolution::Arrived)).then(vec![event]);
    let again = resolved(1, Resolution::NotArrived, Some(retry()));
    given(held_by_an_earlier_doubt()).when(resolve(1, Resolution::NotArrived)).then(vec![again]);
}

#[test]
fn the_late_failure_of_the_only_doubt_decides_what_follows() {
    let failed = failure(1, FailureClass::Transient, retry());
    given(held_by_an_earlier_doubt())
        .when(fails(1, FailureClass::Transient))
        .then(vec![failed.clone()]);
    let state = fold::<Rules>(&after(held_by_an_earlier_doubt(), &[failed]));
    assert!(matches!(&state, Delivery::Retrying { .. }), "{state:?}");
}

#[test]
fn a_second_doubt_that_cannot_be_tried_in_time_stays_held() {
    let brief = DeliveryPlan { deadline: NOW.plus_ms(1000), ..plan() };
    let events = after(vec![Event::DeliveryScheduled(brief)], &held()[1..]);
    let next = Some(NextStep::Held);
    given(events).when(resolve(2, Resolution::NotArrived)).then(vec![resolved(
        2,
        Resolution::NotArrived,
        next,
    )]);
}

#[test]
fn a_late_success_closes_the_delivery() {
    for events in [in_doubt(), after(in_doubt(), &[started(2)]), held()] {
        given(events.clone())
            .when(end(1, AttemptResult::Succeeded(accepted())))
            .then(vec![success(1)]);
        let state = fold::<Rules>(&after(events, &[success(1)]));
        assert_eq!(state.outcome(), Some(Outcome::Accepted));
    }
}

#[test]
fn the_end_of_an_attempt_overtaken_by_a_late_success_is_evidence() {
    let events = after(in_doubt(), &[started(2), success(1)]);
    given(events.clone())
        .when(end(2, AttemptResult::Succeeded(accepted())))
        .then(vec![evidence(late_success(2))]);
    given(events.clone())
        .when(fails(2, FailureClass::Transient))
        .then(vec![evidence(late_failure(2))]);
    given(events.clone()).when(doubts(2)).then(vec![]);
    given(after(events, &[evidence(late_success(2))]))
        .when(end(2, AttemptResult::Succeeded(accepted())))
        .then(vec![]);
}

#[test]
fn a_late_failure_of_the_last_attempt_ends_the_doubt() {
    let failed = failure(1, FailureClass::Transient, retry());
    given(in_doubt()).when(fails(1, FailureClass::Transient)).then(vec![failed.clone()]);
    let state = fold::<Rules>(&after(in_doubt(), &[failed]));
    assert_eq!(state.course().map(|course| course.doubtful.len()), Some(0));
    let failed = failure(2, FailureClass::Transient, retry());
    given(held()).when(fails(2, FailureClass::Transient)).then(vec![failed]);
}

#[test]
fn a_late_failure_of_an_earlier_attempt_is_evidence() {
    for events in [after(in_doubt(), &[started(2)]), held()] {
        given(events.clone())
            .when(fails(1, FailureClass::Transient))
            .then(vec![evidence(late_failure(1))]);
        let state = fold::<Rules>(&after(events, &[evidence(late_failure(1))]));
        assert!(state.course().is_some_and(|course| !course.doubtful.contains(&1)));
    }
}

#[test]
fn a_doubt_told_twice_changes_nothing() {
    given(in_doubt()).when(doubts(1)).then(vec![]);
}

#[test]
fn a_person_finds_that_it_had_arrived() {
    let event = resolved(2, Resolution::Arrived, None);
    given(held()).when(resolve(2, Resolution::Arrived)).then(vec![event.clone()]);
    let state = fold::<Rules>(&after(held(), &[event]));
    assert_eq!(state.outcome(), Some(Outcome::Accepted));
}

#[test]
fn a_person_finds_that_it_had_not_arrived() {
    given(held()).when(resolve(2, Resolution::NotArrived)).then(vec![resolved(
        2,
        Resolution::NotArrived,
        Some(retry()),
    )]);
}

#[test]
fn a_promised_retry_stays_as_promised() {
    let at = NOW.plus_ms(77);
    let events = after(attempting(), &[doubt(1, NextStep::RetryAt { at })]);
    let next = Some(NextStep::RetryAt { at });
    given(events).when(resolve(1, Resolution::NotArrived)).then(vec![resolved(
        1,
        Resolution::NotArrived,
        next,
    )]);
}

#[test]
fn what_had_not_arrived_and_has_no_attempt_left_is_given_up() {
    let failed = |n| failure(n, FailureClass::Transient, retry());
    let events = [failed(1), started(2), failed(2), started(3), doubt(3, NextStep::Held)];
    let next = Some(dead(DeadLetterReason::ResolvedNotArrived));
    given(after(attempting(), &events))
        .when(resolve(3, Resolution::NotArrived))
        .then(vec![resolved(3, Resolution::NotArrived, next)]);
}

#[test]
fn what_had_not_arrived_and_has_no_time_left_is_given_up() {
    let brief = DeliveryPlan { deadline: NOW.plus_ms(1000), ..plan() };
    let events = vec![Event::DeliveryScheduled(brief), started(1), doubt(1, NextStep::Held)];
    let next = Some(dead(DeadLetterReason::DeadlinePassed));
    given(events).when(resolve(1, Resolution::NotArrived)).then(vec![resolved(
        1,
        Resolution::NotArrived,
        next,
    )]);
}

#[test]
fn another_doubt_keeps_a_delivery_held() {
    let events = [doubt(1, retry()), started(2), doubt(2, retry()), started(3)];
    let events = after(attempting(), &events);
    let events = after(events, &[doubt(3, NextStep::Held)]);
    given(events).when(resolve(3, Resolution::NotArrived)).then(vec![resolved(
        3,
        Resolution::NotArrived,
        Some(NextStep::Held),
    )]);
}

#[test]
fn only_a_doubt_is_resolved_and_not_while_another_attempt_is_under_way() {
    let not_in_doubt = Refusal::NotInDoubt { attempt: 1 };
    given(vec![]).when(resolve(1, Resolution::Arrived)).refused(Refusal::NotScheduled);
    given(vec![scheduled()]).when(resolve(1, Resolution::Arrived)).refused(not_in_doubt.clone());
    let failed = failure(1, FailureClass::Transient, retry());
    given(after(attempting(), &[failed]))
        .when(resolve(1, Resolution::Arrived))
        .refused(not_in_doubt);
    given(after(in_doubt(), &[started(2)]))
        .when(resolve(1, Resolution::Arrived))
        .refused(Refusal::AttemptUnderWay { attempt: 2 });
    given(closed())
        .when(resolve(1, Resolution::Arrived))
        .refused(Refusal::Closed { outcome: Outcome::Accepted });
}

#[test]
fn a_person_says_how_they_know() {
    let note = String::new();
    let resolution = Resolution::Arrived;
    let command = Command::ResolveDoubt { attempt: 2, resolution, note, now: NOW, draw: 0 };
    let rule = "must have 1 to 500 bytes";
    given(held()).when(command).refused(Invalid::new("note", "", rule).into());
}
