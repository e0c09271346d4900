use schema::events::ReportProfile;
use schema::{ColumnSpec, ColumnType, Invalid};

use super::{Command, Event, Refusal, Rules};
use crate::given::{Given, given as given_events};

fn given(events: Vec<Event>) -> Given<Rules> {
    given_events(events)
}

fn risk() -> ReportProfile {
    ReportProfile {
        title: "Risk".to_owned(),
        owner: "desk-7".to_owned(),
        deadline_s: 3600,
        columns: vec![],
        self_service: false,
    }
}

fn patient() -> ReportProfile {
    ReportProfile { deadline_s: 7200, ..risk() }
}

fn registered() -> Event {
    Event::ReportRegistered(risk())
}

fn retire() -> Command {
    Command::Retire { reason: "replaced".to_owned() }
}

fn retired() -> Event {
    Event::ReportRetired { reason: "replaced".to_owned() }
}

#[test]
fn a_report_is_registered() {
    given(vec![]).when(Command::Register(risk())).then(vec![registered()]);
}

#[test]
fn registering_a_report_twice_changes_nothing() {
    given(vec![registered()]).when(Command::Register(risk())).then(vec![]);
}

#[test]
fn a_report_is_not_registered_over_another() {
    let refusal = Refusal::AlreadyRegistered { title: "Risk".to_owned() };
    given(vec![registered()]).when(Command::Register(patient())).refused(refusal);
}

#[test]
fn a_retired_report_is_not_registered_again() {
    let events = vec![registered(), retired()];
    given(events).when(Command::Register(risk())).refused(Refusal::Retired);
}

#[test]
fn a_report_waits_neither_no_time_nor_forever() {
    for deadline_s in [0, 90 * 86_400 + 1] {
        let profile = ReportProfile { deadline_s, ..risk() };
        let value = deadline_s.to_string();
        let rule = "must be 1 to 7776000 seconds";
        let refusal = Refusal::Invalid(Invalid::new("deadline_s", &value, rule));
        given(vec![]).when(Command::Register(profile)).refused(refusal);
    }
}

#[test]
fn a_report_is_changed_as_a_whole() {
    given(vec![registered()])
        .when(Command::Change(patient()))
        .then(vec![Event::ReportChanged(patient())]);
}

#[test]
fn changing_a_report_to_what_it_is_changes_nothing() {
    let events = vec![registered(), Event::ReportChanged(patient())];
    given(events).when(Command::Change(patient())).then(vec![]);
}

#[test]
fn an_unknown_report_is_not_changed() {
    given(vec![]).when(Command::Change(risk())).refused(Refusal::NotRegistered);
}

#[test]
fn a_retired_report_is_not_changed() {
    let events = vec![registered(), retired()];
    given(events).when(Command::Change(patient())).refused(Refusal::Retired);
}

#[test]
fn a_report_is_retired() {
    given(vec![registered()]).when(retire()).then(vec![retired()]);
}

#[test]
fn retiring_a_report_twice_changes_nothing() {
    given(vec![registered(), retired()]).when(retire()).then(vec![]);
}

#[test]
fn an_unknown_report_is_not_retired() {
    given(vec![]).when(retire()).refused(Refusal::NotRegistered);
}

#[test]
fn a_report_declares_each_column_once() {
    let column =
        |name: &str| ColumnSpec { name: name.to_owned(), kind: ColumnType::Text, nullable: true };
    let declared = |names: &[&str]| ReportProfile {
        columns: names.iter().map(|name| column(name)).collect(),
        ..risk()
    };
    given(vec![])
        .when(Command::Register(declared(&["desk", "amount"])))
        .then(vec![Event::ReportRegistered(declared(&["desk", "amount"]))]);
    let refusal =
        |field: &str, value: &str, rule: &str| Refusal::Invalid(Invalid::new(field, value, rule));
    given(vec![]).when(Command::Register(declared(&["desk", "desk"]))).refused(refusal(
        "columns[1].name",
        "desk",
        "must not be named twice",
    ));
    let many: Vec<String> = (0..1_025).map(|n| n.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    given(vec![registered()]).when(Command::Change(declared(&many))).refused(refusal(
        "columns",
        "1025",
        "must be at most 1024 in number",
    ));
}
