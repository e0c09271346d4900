use schema::events::{ApiKeyEvent, PauseScope, ReportEvent, ReportProfile, TenantEvent};

use super::until;

pub(super) fn tenant(event: &TenantEvent) -> String {
    match event {
        TenantEvent::TenantCreated { title } => format!("set up as {title:?}"),
        TenantEvent::DispatchPaused { scope, reason } => {
            format!("{} held back: {reason}", sends(scope))
        }
        TenantEvent::DispatchResumed { scope } => format!("{} go on", sends(scope)),
        TenantEvent::EventSkipped { follower, position, reason } => {
            format!("follower {follower} leaves out the event at position {position}: {reason}")
        }
        TenantEvent::LossAccepted { head, known, reason } => {
            format!("what stood after position {head} up to {known} is given up as lost: {reason}")
        }
        TenantEvent::CalendarDefined { calendar, days } => {
            let weekly = days.days_off.iter().map(|day| day.as_str()).collect::<Vec<_>>();
            let weekly = if weekly.is_empty() { "none".to_owned() } else { weekly.join(", ") };
            let dates = days.dates_off.len();
            format!("calendar {calendar} has these days off: {weekly}, and {dates} dates")
        }
        TenantEvent::CalendarRemoved { calendar } => format!("calendar {calendar} is removed"),
    }
}

fn sends(scope: &PauseScope) -> String {
    match scope {
        PauseScope::All => "all sends".to_owned(),
        PauseScope::Channel { channel } => format!("sends by {channel}"),
        PauseScope::Destination { destination } => format!("sends to destination {destination}"),
    }
}

pub(super) fn api_key(event: &ApiKeyEvent) -> String {
    match event {
        ApiKeyEvent::ApiKeyIssued { title, scopes, expires_at, limits, .. } => {
            let scopes: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
            let end = until(*expires_at, "for good");
            let limited =
                if limits.is_empty() { "" } else { ", limited in whom it may subscribe to what" };
            format!("issued as {title:?} for {}, {end}{limited}", scopes.join(", "))
        }
        ApiKeyEvent::ApiKeyRevoked { reason } => format!("revoked: {reason}"),
    }
}

pub(super) fn report(event: &ReportEvent) -> String {
    match event {
        ReportEvent::ReportRegistered(profile) => format!("registered as {}", told(profile)),
        ReportEvent::ReportChanged(profile) => format!("is from now on {}", told(profile)),
        ReportEvent::ReportRetired { reason } => {
            format!("retired, no further versions are taken: {reason}")
        }
    }
}

fn told(profile: &ReportProfile) -> String {
    let ReportProfile { title, owner, deadline_s, columns, self_service } = profile;
    let frame = match columns.len() {
        0 => String::new(),
        count => format!(", data frames have {count} declared columns"),
    };
    let open = if *self_service { ", recipients may subscribe themselves" } else { "" };
    format!("{title:?}, owner {owner}, deliveries expire after {deadline_s} s{frame}{open}")
}
