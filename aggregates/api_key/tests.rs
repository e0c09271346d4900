use std::collections::BTreeSet;

use schema::Invalid;
use schema::events::{KeyLimits, Scope};

use super::{ApiKey, Command, Event, IssuedKey, Refusal, Rules};
use crate::decider::fold;
use crate::given::{Given, given as given_events};
use crate::samples::NOW;

fn given(events: Vec<Event>) -> Given<Rules> {
    given_events(events)
}

fn key() -> IssuedKey {
    IssuedKey {
        title: "ci".to_owned(),
        secret_hash: "00ff".to_owned(),
        scopes: BTreeSet::from([Scope::Publish]),
        expires_at: Some(NOW),
        limits: KeyLimits::default(),
    }
}

fn issued() -> Event {
    let IssuedKey { title, secret_hash, scopes, expires_at, limits } = key();
    Event::ApiKeyIssued { title, secret_hash, scopes, expires_at, limits }
}

fn revoke() -> Command {
    Command::Revoke { reason: "leaked".to_owned() }
}

fn revoked() -> Event {
    Event::ApiKeyRevoked { reason: "leaked".to_owned() }
}

#[test]
fn a_key_is_issued() {
    given(vec![]).when(Command::Issue(key())).then(vec![issued()]);
}

#[test]
fn issuing_the_same_key_twice_changes_nothing() {
    given(vec![issued()]).when(Command::Issue(key())).then(vec![]);
}

#[test]
fn an_id_is_not_given_to_another_key() {
    let other = IssuedKey { secret_hash: "ff00".to_owned(), ..key() };
    let refusal = Refusal::AlreadyIssued { title: "ci".to_owned() };
    given(vec![issued()]).when(Command::Issue(other)).refused(refusal);
}

#[test]
fn a_revoked_key_is_not_issued_again() {
    given(vec![issued(), revoked()]).when(Command::Issue(key())).refused(Refusal::Revoked);
}

#[test]
fn a_key_that_may_do_nothing_is_not_issued() {
    let idle = IssuedKey { scopes: BTreeSet::new(), ..key() };
    given(vec![]).when(Command::Issue(idle)).refused(Refusal::NoScopes);
}

#[test]
fn a_key_needs_a_title() {
    let untitled = IssuedKey { title: String::new(), ..key() };
    let refusal = Refusal::Invalid(Invalid::new("title", "", "must have 1 to 200 bytes"));
    given(vec![]).when(Command::Issue(untitled)).refused(refusal);
}

#[test]
fn a_key_is_revoked() {
    given(vec![issued()]).when(revoke()).then(vec![revoked()]);
}

#[test]
fn revoking_a_key_twice_changes_nothing() {
    given(vec![issued(), revoked()]).when(revoke()).then(vec![]);
}

#[test]
fn a_key_that_was_never_issued_is_not_revoked() {
    given(vec![]).when(revoke()).refused(Refusal::NotIssued);
}

#[test]
fn a_key_works_from_issue_until_it_expires_or_is_revoked() {
    let just_before = schema::Timestamp::from_unix_micros(NOW.unix_micros() - 1);
    let state = fold::<Rules>(&[issued()]);
    assert_eq!(state.valid(just_before), Some(&key()));
    assert_eq!(state.valid(NOW), None);
    assert_eq!(fold::<Rules>(&[issued(), revoked()]).valid(just_before), None);
    assert_eq!(ApiKey::Unknown.valid(just_before), None);
}

#[test]
fn a_keys_limits_name_reports_or_how_their_names_begin() {
    let limited = |reports: &[&str]| {
        let reports = reports.iter().map(|&report| report.to_owned()).collect();
        IssuedKey { limits: KeyLimits { reports, ..KeyLimits::default() }, ..key() }
    };
    let fine = limited(&["risk", "sales-*"]);
    let IssuedKey { title, secret_hash, scopes, expires_at, limits } = fine.clone();
    let issued = Event::ApiKeyIssued { title, secret_hash, scopes, expires_at, limits };
    given(vec![]).when(Command::Issue(fine)).then(vec![issued]);
    for wrong in ["*", "a*b", "two words"] {
        let rule = "must be a report's name, or how names begin and then *";
        let refusal = Refusal::Invalid(Invalid::new("limits.reports", wrong, rule));
        given(vec![]).when(Command::Issue(limited(&[wrong]))).refused(refusal);
    }
}

#[test]
fn limits_allow_the_reports_they_name_and_never_all_of_them() {
    use schema::ReportSelector::Every;
    let named = |text: &str| schema::ReportSelector::Named(crate::samples::name(text));
    let reports = ["risk", "sales-*"].map(str::to_owned).into();
    let limits = KeyLimits { reports, ..KeyLimits::default() };
    let allowed = ["risk", "sales-eu", "riskier", "sales"].map(|text| limits.allow(&named(text)));
    assert_eq!(allowed, [true, true, false, false]);
    assert!(!limits.allow(&Every) && KeyLimits::default().allow(&Every));
}
