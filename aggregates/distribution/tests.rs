use std::collections::BTreeMap;

use schema::events::{
    ArtifactRef, NotPlanned, NotPlannedReason, OutcomeCounts, ReportVersion, SliceSums,
};
use schema::{AttributeValue, Format, Frame, Invalid, Position, RecipientId, Sha256};

use super::{Command, Event, MAX_ARTIFACTS, Refusal, Rules, Slice};
use crate::given::{Given, given as given_events};
use crate::planning::version_digest;
use crate::samples::{NOW, artifact, name, version as version_of};

fn given(events: Vec<Event>) -> Given<Rules> {
    given_events(events)
}

fn version() -> ReportVersion {
    let attributes = BTreeMap::from([("region".to_owned(), AttributeValue::Text("EU".to_owned()))]);
    version_of(attributes, vec![artifact("risk.csv", Format::Csv)])
}

fn received() -> Event {
    Event::ReportReceived(version())
}

fn receive(version: ReportVersion) -> Command {
    Command::Receive(Box::new(version))
}

fn slice(number: u32, after: Option<&str>, through: Option<&str>) -> Slice {
    let paused = NotPlanned {
        recipient: name("ada"),
        subscription: name("s1"),
        subscription_version: 1,
        group: None,
        reason: NotPlannedReason::Paused,
    };
    Slice {
        slice: number,
        after: after.map(name::<RecipientId>),
        through: through.map(name::<RecipientId>),
        read_at: Position(9),
        sums: SliceSums {
            considered: 3,
            planned: 2,
            not_planned: BTreeMap::from([(NotPlannedReason::Paused, 1)]),
        },
        decisions: vec![paused],
    }
}

fn planned(slice: Slice) -> Event {
    let Slice { slice, after, through, read_at, sums, decisions } = slice;
    Event::SlicePlanned { slice, after, through, read_at, sums, decisions }
}

fn first() -> Slice {
    slice(0, None, Some("m"))
}

fn last() -> Slice {
    slice(1, Some("m"), None)
}

fn complete() -> Vec<Event> {
    vec![received(), planned(first()), planned(last())]
}

fn outcomes(delivered: u64) -> OutcomeCounts {
    OutcomeCounts { delivered, expired: 1, ..OutcomeCounts::default() }
}

fn reconciled() -> Event {
    let not_planned = BTreeMap::from([(NotPlannedReason::Paused, 2)]);
    let sums = SliceSums { considered: 6, planned: 4, not_planned };
    Event::DistributionReconciled { sums, outcomes: outcomes(3) }
}

fn withdraw() -> Command {
    Command::Withdraw { reason: "wrong data".to_owned() }
}

fn withdrawn() -> Event {
    Event::VersionWithdrawn { reason: "wrong data".to_owned() }
}

fn correct(by: &str) -> Command {
    Command::MarkCorrected { by: name(by) }
}

fn corrected() -> Event {
    Event::VersionCorrected { by: name("v2") }
}

#[test]
fn a_version_is_received() {
    given(vec![]).when(receive(version())).then(vec![received()]);
}

#[test]
fn receiving_a_version_a_second_time_changes_nothing() {
    let later = ReportVersion { received_at: NOW.plus_ms(5), ..version() };
    given(vec![received()]).when(receive(later)).then(vec![]);
}

#[test]
fn the_same_version_with_another_digest_is_refused_and_told_how_to_correct() {
    let other = version_of(BTreeMap::new(), vec![artifact("risk.csv", Format::Csv)]);
    let refusal = Refusal::DigestDiffers {
        report: name("risk"),
        version: name("2026-11-23"),
        known: version().digest,
        given: other.digest,
    };
    assert!(
        refusal
            .to_string()
            .ends_with("publish what changed as a new version that names this one in `corrects`")
    );
    given(vec![received()]).when(receive(other)).refused(refusal);
}

#[test]
fn a_digest_follows_from_what_it_digests() {
    let said = Sha256::of(b"something else");
    let refusal = Refusal::DigestWrong { said, found: version().digest };
    given(vec![]).when(receive(ReportVersion { digest: said, ..version() })).refused(refusal);
}

#[test]
fn a_version_needs_time_to_be_delivered_in() {
    let refusal = Refusal::DeadlineNotAfterReceipt { deadline: NOW, received_at: NOW };
    given(vec![]).when(receive(ReportVersion { deadline: NOW, ..version() })).refused(refusal);
}

#[test]
fn a_version_does_not_correct_itself() {
    let circular = ReportVersion { corrects: Some(version().version), ..version() };
    let refusal = Refusal::CorrectsItself { version: version().version };
    given(vec![]).when(receive(circular)).refused(refusal);
    let refusal = Refusal::CorrectsItself { version: version().version };
    given(vec![received()]).when(correct("2026-11-23")).refused(refusal);
}

#[test]
fn files_are_bounded_and_have_a_plain_name_each_of_its_own() {
    let refused = |artifacts: Vec<ArtifactRef>, value: &str, rule: &str, field: &str| {
        let refusal = Refusal::Invalid(Invalid::new(field, value, rule));
        given(vec![]).when(receive(version_of(BTreeMap::new(), artifacts))).refused(refusal);
    };
    let csv = |file: &str| artifact(file, Format::Csv);
    let path = "must be a file name without a path";
    for file in ["../a", "a\\b", ".", ".."] {
        refused(vec![csv(file)], file, path, "artifact.name");
    }
    let twice = "must not be that of another artifact";
    refused(vec![csv("a"), csv("a")], "a", twice, "artifact.name");
    let many = (0..=MAX_ARTIFACTS).map(|n| csv(&n.to_string())).collect();
    refused(many, "33", "must be at most 32 in number", "artifacts");
}

#[test]
fn slices_follow_one_another() {
    let command = Command::PlanSlice(first());
    given(vec![received()]).when(command).then(vec![planned(first())]);
    let command = Command::PlanSlice(last());
    given(vec![received(), planned(first())]).when(command).then(vec![planned(last())]);
}

#[test]
fn no_slice_comes_twice_or_leaves_a_gap() {
    for (given_slice, given_after) in [(first(), None), (slice(1, Some("n"), None), Some("n"))] {
        let refusal = Refusal::SliceOutOfOrder {
            expected: 1,
            expected_after: Some(name("m")),
            given: given_slice.slice,
            given_after: given_after.map(name),
        };
        given(vec![received(), planned(first())])
            .when(Command::PlanSlice(given_slice))
            .refused(refusal);
    }
}

#[test]
fn a_slice_ends_behind_its_beginning() {
    given(vec![received(), planned(first())])
        .when(Command::PlanSlice(slice(1, Some("m"), Some("m"))))
        .refused(Refusal::RangeNotGrowing { through: name("m") });
}

#[test]
fn a_complete_plan_takes_no_slice() {
    given(complete())
        .when(Command::PlanSlice(slice(2, None, None)))
        .refused(Refusal::PlanComplete { slice_count: 2 });
}

#[test]
fn a_slices_sums_close() {
    let mut wrong = first();
    wrong.sums.considered = 4;
    let refusal =
        Refusal::SliceSumsDiffer { considered: 4, planned: 2, not_planned: 1, decisions: 1 };
    given(vec![received()]).when(Command::PlanSlice(wrong)).refused(refusal);
    let mut untold = first();
    untold.decisions.clear();
    let refusal =
        Refusal::SliceSumsDiffer { considered: 3, planned: 2, not_planned: 1, decisions: 0 };
    given(vec![received()]).when(Command::PlanSlice(untold)).refused(refusal);
}

#[test]
fn what_was_never_received_is_neither_planned_corrected_withdrawn_nor_reconciled() {
    let reconcile = Command::Reconcile { outcomes: outcomes(3) };
    for command in [Command::PlanSlice(first()), correct("v2"), withdraw(), reconcile] {
        given(vec![]).when(command).refused(Refusal::NotReceived);
    }
}

#[test]
fn a_version_is_corrected() {
    given(vec![received()]).when(correct("v2")).then(vec![corrected()]);
}

#[test]
fn correcting_twice_changes_nothing_but_by_another_is_refused() {
    given(vec![received(), corrected()]).when(correct("v2")).then(vec![]);
    given(vec![received(), corrected()])
        .when(correct("v3"))
        .refused(Refusal::AlreadyCorrected { by: name("v2") });
}

#[test]
fn a_version_is_withdrawn_even_when_corrected() {
    given(vec![received()]).when(withdraw()).then(vec![withdrawn()]);
    given(vec![received(), corrected()]).when(withdraw()).then(vec![withdrawn()]);
}

#[test]
fn withdrawing_twice_changes_nothing() {
    given(vec![received(), withdrawn()]).when(withdraw()).then(vec![]);
}

#[test]
fn a_distribution_is_reconciled_when_all_is_planned_and_closed() {
    given(complete()).when(Command::Reconcile { outcomes: outcomes(3) }).then(vec![reconciled()]);
}

#[test]
fn an_open_plan_is_not_reconciled() {
    given(vec![received(), planned(first())])
        .when(Command::Reconcile { outcomes: outcomes(1) })
        .refused(Refusal::PlanOpen { next_slice: 1 });
}

#[test]
fn outcomes_that_do_not_add_up_are_refused() {
    given(complete())
        .when(Command::Reconcile { outcomes: outcomes(2) })
        .refused(Refusal::OutcomesDiffer { planned: 4, closed: 3 });
}

#[test]
fn a_distribution_is_reconciled_once() {
    let mut events = complete();
    events.push(reconciled());
    given(events.clone()).when(Command::Reconcile { outcomes: outcomes(3) }).then(vec![]);
    let others = OutcomeCounts { accepted: 4, ..OutcomeCounts::default() };
    given(events).when(Command::Reconcile { outcomes: others }).refused(Refusal::AlreadyReconciled);
}

#[test]
fn a_data_frame_is_one_of_the_versions_files_and_of_a_format_that_holds_one() {
    let framed = |frame: &str| {
        let artifacts = vec![artifact("risk.csv", Format::Csv), artifact("risk.pdf", Format::Pdf)];
        let digest = version_digest(&BTreeMap::new(), &artifacts, Some(frame));
        let known = Frame { artifact: frame.to_owned(), rows: 1, columns: vec![], longest_text: 0 };
        let frame = Some(known);
        ReportVersion { digest, frame, ..version_of(BTreeMap::new(), artifacts) }
    };
    given(vec![])
        .when(receive(framed("risk.csv")))
        .then(vec![Event::ReportReceived(framed("risk.csv"))]);
    let rule = "must be the name of one of the artifacts";
    given(vec![]).when(receive(framed("other.csv"))).refused(Refusal::Invalid(Invalid::new(
        "frame",
        "other.csv",
        rule,
    )));
    given(vec![]).when(receive(framed("risk.pdf"))).refused(Refusal::Invalid(Invalid::new(
        "frame.format",
        "pdf",
        "must be csv or parquet",
    )));
}
