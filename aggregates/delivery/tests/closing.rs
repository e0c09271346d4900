use super::*;

type Close = (fn(Option<u32>) -> Command, fn() -> Event);

const CLOSES: [Close; 3] = [(cancel, cancelled), (suppress, suppressed), (expire, expired)];

#[test]
fn what_is_not_under_way_is_closed_from_outside() {
    let failed = failure(1, FailureClass::Transient, retry());
    let failed = after(attempting(), &[failed]);
    for (command, event) in CLOSES {
        for events in [vec![scheduled()], failed.clone()] {
            given(events).when(command(None)).then(vec![event()]);
        }
    }
}

#[test]
fn what_may_have_arrived_can_be_called_off() {
    for (command, event) in [CLOSES[0], CLOSES[1]] {
        for events in [in_doubt(), held()] {
            given(events).when(command(None)).then(vec![event()]);
        }
    }
}

#[test]
fn what_is_under_way_is_closed_by_its_own_sender_alone() {
    let under_way = || Refusal::AttemptUnderWay { attempt: 1 };
    for (command, event) in CLOSES {
        given(attempting()).when(command(None)).refused(under_way());
        given(attempting()).when(command(Some(2))).refused(under_way());
        given(attempting()).when(command(Some(1))).then(vec![event()]);
    }
}

#[test]
fn a_sender_whose_attempt_was_lost_closes_nothing() {
    for (command, _) in CLOSES {
        given(in_doubt())
            .when(command(Some(1)))
            .refused(Refusal::NoSuchAttempt { attempt: 1, attempt_count: 1 });
    }
}

#[test]
fn closing_twice_the_same_way_changes_nothing() {
    for (command, event) in CLOSES {
        given(vec![scheduled(), event()]).when(command(None)).then(vec![]);
    }
}

#[test]
fn what_is_closed_is_not_closed_another_way() {
    for (command, _) in CLOSES {
        given(closed()).when(command(None)).refused(Refusal::Closed { outcome: Outcome::Accepted });
        given(vec![]).when(command(None)).refused(Refusal::NotScheduled);
    }
}

#[test]
fn nothing_expires_before_its_deadline() {
    given(vec![scheduled()])
        .when(Command::Expire { attempt: None, now: NOW })
        .refused(Refusal::DeadlineNotReached { deadline: plan().deadline });
}

#[test]
fn a_late_answer_to_a_closed_delivery_is_evidence() {
    let events = after(held(), &[cancelled()]);
    given(events.clone())
        .when(end(1, AttemptResult::Succeeded(accepted())))
        .then(vec![evidence(late_success(1))]);
    given(events.clone()).when(record(late_success(1))).then(vec![evidence(late_success(1))]);
    given(events.clone()).when(record(late_failure(2))).then(vec![evidence(late_failure(2))]);
    given(after(events, &[evidence(late_success(1))])).when(record(late_success(1))).then(vec![]);
}

#[test]
fn the_outcome_stays_whatever_is_learned() {
    let events = after(held(), &[cancelled(), evidence(late_success(1))]);
    assert_eq!(fold::<Rules>(&events).outcome(), Some(Outcome::Cancelled));
}

#[test]
fn evidence_of_an_attempt_that_never_began_is_refused() {
    given(closed())
        .when(record(late_success(2)))
        .refused(Refusal::NoSuchAttempt { attempt: 2, attempt_count: 1 });
}

#[test]
fn evidence_belongs_to_what_is_closed() {
    given(vec![]).when(record(bounced())).refused(Refusal::NotScheduled);
    given(attempting()).when(record(bounced())).refused(Refusal::NotClosed);
}

#[test]
fn an_accepted_mail_bounces_once() {
    given(closed()).when(record(bounced())).then(vec![evidence(bounced())]);
    let events = after(closed(), &[evidence(bounced())]);
    given(events.clone()).when(record(bounced())).then(vec![]);
    let Delivery::Closed(state) = fold::<Rules>(&events) else { unreachable!() };
    assert!(state.bounced);
}

#[test]
fn a_complaint_and_an_automatic_reply_are_told_once_each() {
    let complained = || Evidence::Complained { complaint: Complaint::Abuse };
    for learned in [complained(), Evidence::AutoReplied] {
        given(closed()).when(record(learned.clone())).then(vec![evidence(learned.clone())]);
        let events = after(closed(), &[evidence(learned.clone())]);
        given(events.clone()).when(record(learned)).then(vec![]);
        given(events).when(record(bounced())).then(vec![evidence(bounced())]);
    }
    given(attempting()).when(record(complained())).refused(Refusal::NotClosed);
    given(vec![scheduled(), cancelled()]).when(record(complained())).refused(Refusal::NeverSent);
}

#[test]
fn the_last_answer_whether_it_came_on_time_counts_and_the_same_again_is_nothing() {
    let answered = |answer, via| Evidence::OnTimeAnswered { answer, via };
    let on_time = answered(OnTimeAnswer::OnTime, AnsweredVia::Mail);
    let late = answered(OnTimeAnswer::Late, AnsweredVia::Mail);
    given(closed()).when(record(on_time.clone())).then(vec![evidence(on_time.clone())]);
    let once = after(closed(), &[evidence(on_time.clone())]);
    given(once.clone()).when(record(on_time.clone())).then(vec![]);
    given(once.clone()).when(record(late.clone())).then(vec![evidence(late.clone())]);
    let twice = after(once, &[evidence(late)]);
    given(twice).when(record(on_time.clone())).then(vec![evidence(on_time.clone())]);
    given(attempting()).when(record(on_time.clone())).refused(Refusal::NotClosed);
    given(vec![scheduled(), cancelled()]).when(record(on_time)).refused(Refusal::NeverSent);
}

#[test]
fn what_is_in_no_inbox_is_not_answered_there() {
    let via = AnsweredVia::Inbox;
    given(closed())
        .when(record(Evidence::OnTimeAnswered { answer: OnTimeAnswer::Late, via }))
        .refused(Refusal::NotInInbox { channel: ChannelKind::Mail });
}

#[test]
fn only_what_was_accepted_bounces() {
    given(vec![scheduled(), cancelled()])
        .when(record(bounced()))
        .refused(Refusal::NotAccepted { outcome: Outcome::Cancelled });
}

#[test]
fn a_closed_delivery_is_resent_and_counts() {
    given(closed()).when(record(resent(1))).then(vec![evidence(resent(1))]);
    let events = after(closed(), &[evidence(resent(1))]);
    given(events.clone()).when(record(resent(1))).then(vec![]);
    given(events).when(record(resent(2))).then(vec![evidence(resent(2))]);
}

#[test]
fn a_repetition_is_not_numbered_out_of_order() {
    given(closed())
        .when(record(resent(2)))
        .refused(Refusal::ResendOutOfOrder { expected: 1, given: 2 });
}

#[test]
fn an_open_delivery_is_not_resent() {
    given(held()).when(record(resent(1))).refused(Refusal::NotClosed);
}

#[test]
fn repetitions_are_counted_on_the_original() {
    let original = delivery_id(0);
    let again = DeliveryPlan { resend_of: Some(original), resend: 1, ..plan() };
    given(vec![Event::DeliveryScheduled(again), cancelled()])
        .when(record(resent(1)))
        .refused(Refusal::NotTheOriginal { original });
}
