use proptest::prelude::*;
use schema::events::{
    AnsweredVia, CancelReason, Complaint, DeliveryPlan, EntryMark, Evidence, OnTimeAnswer,
    Resolution, SuppressReason,
};
use schema::{FailureClass, Proof, RetrySchedule, Timestamp};

use crate::delivery::{AttemptEnd, AttemptResult, Command, Delivery, Event, Outcome, Rules};
use crate::samples::{NOW, RETRY, delivery_id, fault, plan, receipt};
use crate::{fold, run};

const HOUR_MS: u64 = 3_600_000;

fn result() -> impl Strategy<Value = AttemptResult> {
    prop_oneof![
        Just(AttemptResult::Succeeded(receipt(Proof::Accepted))),
        Just(AttemptResult::Succeeded(receipt(Proof::Delivered))),
        Just(AttemptResult::InDoubt { code: "cut".to_owned() }),
        prop::sample::select(FailureClass::ALL.to_vec())
            .prop_map(|class| AttemptResult::Failed(fault(class))),
    ]
}

fn moment() -> impl Strategy<Value = Timestamp> {
    (0..HOUR_MS + 1000).prop_map(|ms| NOW.plus_ms(ms))
}

fn sender() -> impl Strategy<Value = Option<u32>> {
    prop::option::of(0..6_u32)
}

fn evidence() -> impl Strategy<Value = Evidence> {
    let fault = || fault(FailureClass::RecipientPermanent);
    prop_oneof![
        (0..6_u32).prop_map(|attempt| {
            Evidence::LateSuccess { attempt, receipt: receipt(Proof::Accepted) }
        }),
        (0..6_u32).prop_map(move |attempt| Evidence::LateFailure { attempt, fault: fault() }),
        Just(Evidence::Bounced { fault: fault() }),
        Just(Evidence::Complained { complaint: Complaint::Abuse }),
        Just(Evidence::AutoReplied),
        (any::<bool>(), any::<bool>()).prop_map(|(on_time, by_mail)| Evidence::OnTimeAnswered {
            answer: if on_time { OnTimeAnswer::OnTime } else { OnTimeAnswer::Late },
            via: if by_mail { AnsweredVia::Mail } else { AnsweredVia::Inbox },
        }),
        (0..4_u32).prop_map(|resend| Evidence::Resent { delivery: delivery_id(resend), resend }),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    let node = || "n1".to_owned();
    let end =
        (0..6_u32, result(), moment(), any::<u64>()).prop_map(|(attempt, result, now, draw)| {
            let (sent_at, elapsed_us) = (Some(NOW), None);
            Command::EndAttempt(AttemptEnd { attempt, sent_at, elapsed_us, result, now, draw })
        });
    let resolve = (0..6_u32, any::<bool>(), moment(), any::<u64>()).prop_map(
        |(attempt, arrived, now, draw)| {
            let resolution = if arrived { Resolution::Arrived } else { Resolution::NotArrived };
            Command::ResolveDoubt { attempt, resolution, note: "asked".to_owned(), now, draw }
        },
    );
    prop_oneof![
        8 => moment().prop_map(move |now| {
            Command::StartAttempt { node: node(), address_revision: 1, now }
        }),
        8 => end,
        3 => (0..6_u32, moment(), any::<u64>())
            .prop_map(|(attempt, now, draw)| Command::LoseAttempt { attempt, now, draw }),
        3 => resolve,
        1 => sender().prop_map(|attempt| {
            Command::Cancel { attempt, reason: CancelReason::Corrected }
        }),
        1 => (sender(), moment()).prop_map(|(attempt, now)| Command::Expire { attempt, now }),
        1 => sender().prop_map(|attempt| {
            Command::Suppress { attempt, reason: SuppressReason::Paused }
        }),
        3 => evidence().prop_map(|evidence| Command::RecordEvidence { evidence }),
        1 => moment().prop_map(|now| Command::MarkEntry { mark: EntryMark::Read, now }),
        1 => Just(Command::Schedule(Box::new(plan()))),
        1 => proptest::option::of(moment()).prop_map(|due| {
            let zone = crate::samples::name("Europe/Berlin");
            let planned = due.map(|due| schema::Planned { due, zone, rules: vec![] });
            Command::Reschedule { planned }
        }),
    ]
}

fn schedule() -> impl Strategy<Value = RetrySchedule> {
    (1..5_u32, 0..4_u32).prop_map(|(attempt_limit, doubt_limit)| RetrySchedule {
        attempt_limit,
        doubt_limit,
        ..RETRY
    })
}

/// Whether a mail was given up although an attempt of it may have arrived.
fn guesses(state: &Delivery) -> bool {
    let Delivery::Closed(closed) = state else { return false };
    let given_up = matches!(closed.outcome, Outcome::DeadLettered | Outcome::Expired);
    given_up && !closed.unsettled.is_empty()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_delivery_closes_once_and_keeps_its_bounds(
        retry in schedule(),
        commands in prop::collection::vec(command(), 0..60),
    ) {
        let mut state = Delivery::default();
        let plan = Box::new(DeliveryPlan { retry, ..plan() });
        let mut events = run::<Rules>(&mut state, Command::Schedule(plan)).unwrap();
        let mut closings = 0;
        for command in commands {
            let before = state.clone();
            let Ok(caused) = run::<Rules>(&mut state, command.clone()) else {
                prop_assert_eq!(&state, &before, "a refusal changes nothing");
                continue;
            };
            closings += u32::from(state.is_closed() && !before.is_closed());
            if before.is_closed() {
                let only_evidence =
                    caused.iter().all(|event| matches!(event, Event::EvidenceRecorded { .. }));
                prop_assert!(only_evidence, "{:?} after the close", caused);
                prop_assert_eq!(state.outcome(), before.outcome());
            }
            prop_assert!(!guesses(&state), "{:?} gives up what may have arrived", state);
            prop_assert!(state.attempt_count() <= retry.attempt_limit);
            prop_assert_eq!(state.to_do().is_none(), state.is_closed());
            events.extend(caused);
        }
        prop_assert!(closings <= 1);
        prop_assert_eq!(&fold::<Rules>(&events), &state);
    }

    #[test]
    fn an_end_told_twice_is_recorded_once(
        commands in prop::collection::vec(command(), 0..30),
        result in result(),
        attempt in 1..4_u32,
    ) {
        let mut state = Delivery::default();
        run::<Rules>(&mut state, Command::Schedule(Box::new(plan()))).unwrap();
        for command in commands {
            let _: Result<_, _> = run::<Rules>(&mut state, command);
        }
        let (sent_at, elapsed_us) = (Some(NOW), None);
        let end = AttemptEnd { attempt, sent_at, elapsed_us, result, now: NOW, draw: 0 };
        if run::<Rules>(&mut state, Command::EndAttempt(end.clone())).is_ok() {
            let again = run::<Rules>(&mut state, Command::EndAttempt(end));
            prop_assert_eq!(again, Ok(vec![]));
        }
    }

    #[test]
    fn a_state_survives_the_queue_row(commands in prop::collection::vec(command(), 0..40)) {
        let mut state = Delivery::default();
        run::<Rules>(&mut state, Command::Schedule(Box::new(plan()))).unwrap();
        for command in commands {
            let _: Result<_, _> = run::<Rules>(&mut state, command);
            let row = serde_json::to_string(&state).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Delivery>(&row).unwrap(), &state);
        }
    }
}
