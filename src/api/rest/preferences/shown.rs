use std::sync::{LazyLock, PoisonError};

use aggregates::routing::{Own, RoutingIndex};
use axum::response::Response;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{Environment, Error, UndefinedBehavior, context};
use schema::{Format, GroupId, ReportName, ReportSelector, Timestamp};

use super::look::Visitor;
use crate::clock::now;
use crate::error::{ApiError, Code};
use crate::rest::page::page;
use crate::state::ApiState;

/// Its name ends in `.html`: so all that it shows is escaped.
const PAGE: &str = "page.html";

static TEMPLATES: LazyLock<Result<Environment<'static>, Error>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.add_template(PAGE, include_str!("page.html"))?;
    Ok(environment)
});

/// What the page is to say above all else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Nothing,
    /// What was done.
    Notice(String),
    /// Why something was not.
    Fault(String),
}

/// The page as things stand on this node.
pub(super) fn shown(api: &ApiState, visitor: &Visitor, said: &Said) -> Result<Response, ApiError> {
    let whole = whole(api, visitor, said);
    let rendered = TEMPLATES.as_ref().map_err(defect).and_then(|templates| {
        let template = templates.get_template(PAGE).map_err(|error| defect(&error))?;
        template.render(whole).map_err(|error| defect(&error))
    });
    Ok(page("Your subscriptions", &rendered?))
}

fn defect(error: &Error) -> ApiError {
    ApiError::new(Code::Internal, format!("a page cannot be made: {}", error.kind()))
}

fn whole(api: &ApiState, visitor: &Visitor, said: &Said) -> Value {
    let link = &visitor.link;
    let index = api.routing.read().unwrap_or_else(PoisonError::into_inner);
    let own = index.own(&link.tenant, &link.recipient);
    let told = own.iter().filter_map(|own| one(&index, own, visitor, now()));
    let has = |report: &ReportName| own.iter().any(|own| own.speaks_of(report));
    let open = index.open_to(&link.tenant, &visitor.known, now()).into_iter();
    let open = open.filter(|(report, _)| !has(report)).map(|(report, profile)| {
        context! { name => report.to_string(), title => profile.title.clone() }
    });
    let profile = &visitor.known.profile;
    let (notice, fault) = match said {
        Said::Nothing => (None, None),
        Said::Notice(text) => (Some(text.as_str()), None),
        Said::Fault(text) => (None, Some(text.as_str())),
    };
    context! {
        notice,
        fault,
        subscriptions => told.collect::<Vec<_>>(),
        open => open.collect::<Vec<_>>(),
        sequence => visitor.sequence,
        locale => profile.locale.clone(),
        zone => profile.zone.to_string(),
        until => day(link.expires_at),
        formats => Format::ALL.map(Format::as_str).to_vec(),
        zones => chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()).collect::<Vec<_>>(),
    }
}

/// One subscription on the page. `own`: it may be changed as a whole; `out`: its reader opted out of it.
fn one(index: &RoutingIndex, own: &Own<'_>, visitor: &Visitor, now: Timestamp) -> Option<Value> {
    let body = own.state.body()?;
    let title = match &body.selector.report {
        ReportSelector::Every => "All reports".to_owned(),
        ReportSelector::Named(report) => {
            let known = index.report(&visitor.link.tenant, report);
            known.map_or_else(|| report.to_string(), |profile| profile.title.clone())
        }
    };
    let out = own.state.has_opted_out(&visitor.link.recipient);
    let (paused, until) = (own.state.is_paused(now), own.state.paused_until());
    let status = match (out, paused, until) {
        (true, ..) => "You do not receive it".to_owned(),
        (false, true, Some(until)) => format!("Paused until {}", day(until)),
        (false, true, None) => "Paused".to_owned(),
        (false, false, _) => "Active".to_owned(),
    };
    let wanted = &body.preferences.formats;
    let formats = match wanted.as_slice() {
        [] => "all files as published".to_owned(),
        some => listed(some.iter().map(|format| format.as_str().to_uppercase())),
    };
    Some(context! {
        id => own.id.to_string(),
        version => own.state.version(),
        title,
        status,
        channels => listed(body.preferences.channels.iter().map(ToString::to_string)),
        formats,
        first => wanted.first().copied().map(Format::as_str),
        own => own.group.is_none(),
        paused,
        out,
        group => own.group.map(GroupId::to_string),
    })
}

fn listed(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(", else ")
}

fn day(at: Timestamp) -> String {
    at.to_chrono().format("%-d %B %Y, %H:%M UTC").to_string()
}
