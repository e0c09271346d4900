use schema::events::EntryMark;

use super::*;
use crate::delivery::MAX_SNOOZE_DAYS;

const HOUR_MS: u64 = 3_600_000;

fn inbox_plan() -> DeliveryPlan {
    DeliveryPlan { channel: ChannelKind::Inbox, ..plan() }
}

/// In the inbox, and then marked.
fn entry(marks: &[EntryMark]) -> Vec<Event> {
    let receipt = receipt(Proof::Delivered);
    let mut events = vec![
        Event::DeliveryScheduled(inbox_plan()),
        started(1),
        ended(1, AttemptOutcome::Succeeded { receipt }),
    ];
    events.extend(marks.iter().map(|mark| Event::EntryMarked { mark: *mark }));
    events
}

const fn mark(mark: EntryMark) -> Command {
    Command::MarkEntry { mark, now: NOW }
}

fn snoozed(ms: u64) -> EntryMark {
    EntryMark::Snoozed { until: NOW.plus_ms(ms) }
}

#[test]
fn an_entry_can_be_read_acknowledged_snoozed_and_unsnoozed() {
    for given_mark in [EntryMark::Read, EntryMark::Acknowledged, snoozed(HOUR_MS)] {
        given(entry(&[]))
            .when(mark(given_mark))
            .then(vec![Event::EntryMarked { mark: given_mark }]);
    }
    given(entry(&[snoozed(HOUR_MS)]))
        .when(mark(EntryMark::Unsnoozed))
        .then(vec![Event::EntryMarked { mark: EntryMark::Unsnoozed }]);
}

#[test]
fn the_same_mark_again_is_nothing() {
    for same in [EntryMark::Read, EntryMark::Acknowledged, snoozed(HOUR_MS)] {
        given(entry(&[same])).when(mark(same)).then(vec![]);
    }
    given(entry(&[EntryMark::Acknowledged])).when(mark(EntryMark::Read)).then(vec![]);
    given(entry(&[])).when(mark(EntryMark::Unsnoozed)).then(vec![]);
    let over = EntryMark::Snoozed { until: NOW };
    given(entry(&[over])).when(mark(EntryMark::Unsnoozed)).then(vec![]);
    given(entry(&[over])).when(mark(over)).then(vec![]);
}

#[test]
fn a_snooze_can_be_moved() {
    given(entry(&[snoozed(HOUR_MS)]))
        .when(mark(snoozed(2 * HOUR_MS)))
        .then(vec![Event::EntryMarked { mark: snoozed(2 * HOUR_MS) }]);
}

#[test]
fn a_snooze_ends_later_than_now_and_within_its_bound() {
    given(entry(&[]))
        .when(mark(EntryMark::Snoozed { until: NOW }))
        .refused(Refusal::SnoozeOver { until: NOW });
    let latest = NOW.plus_ms(MAX_SNOOZE_DAYS * 24 * HOUR_MS);
    let until = latest.plus_ms(1);
    let last = EntryMark::Snoozed { until: latest };
    given(entry(&[])).when(mark(last)).then(vec![Event::EntryMarked { mark: last }]);
    given(entry(&[]))
        .when(mark(EntryMark::Snoozed { until }))
        .refused(Refusal::SnoozeTooLong { until, latest });
}

#[test]
fn only_what_is_in_an_inbox_can_be_marked() {
    given(vec![]).when(mark(EntryMark::Read)).refused(Refusal::NotScheduled);
    given(vec![scheduled(), started(1), success(1)])
        .when(mark(EntryMark::Acknowledged))
        .refused(Refusal::NotInInbox { channel: ChannelKind::Mail });
    given(vec![Event::DeliveryScheduled(inbox_plan()), started(1)])
        .when(mark(EntryMark::Read))
        .refused(Refusal::NotClosed);
    let cancelled = Event::DeliveryCancelled { reason: CancelReason::Withdrawn };
    given(vec![Event::DeliveryScheduled(inbox_plan()), cancelled])
        .when(mark(EntryMark::Read))
        .refused(Refusal::NotServed { outcome: Outcome::Cancelled });
}

#[test]
fn what_a_person_found_to_have_arrived_can_be_marked() {
    let outcome = AttemptOutcome::InDoubt { code: "cut".to_owned(), next: NextStep::Held };
    let (resolution, note) = (Resolution::Arrived, "seen".to_owned());
    let resolved = Event::DoubtResolved { attempt: 1, resolution, note, next: None };
    given(vec![Event::DeliveryScheduled(inbox_plan()), started(1), ended(1, outcome), resolved])
        .when(mark(EntryMark::Read))
        .then(vec![Event::EntryMarked { mark: EntryMark::Read }]);
}

#[test]
fn whoever_acknowledges_has_read() {
    let entry = match fold::<Rules>(&entry(&[EntryMark::Acknowledged])) {
        Delivery::Closed(closed) => Some((closed.entry.read, closed.entry.acknowledged)),
        _ => None,
    };
    assert_eq!(entry, Some((true, true)));
}
