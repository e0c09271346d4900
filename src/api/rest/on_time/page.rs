use axum::response::Response;
use schema::events::OnTimeAnswer;

use crate::error::{Code, with_status};
use crate::rest::page::{page, scripted};

/// Sends the form once a person's browser shows the page: what only fetches it runs no script, what runs it unseen or
/// remote-controlled says so.
const SCRIPT: &str = "(function () {\n\
    var sent = false;\n\
    function send() {\n\
      if (sent || document.visibilityState !== 'visible' || navigator.webdriver) return;\n\
      sent = true;\n\
      document.forms[0].submit();\n\
    }\n\
    document.addEventListener('visibilitychange', send);\n\
    send();\n\
  })();";

/// The page behind a link, before anything is recorded.
pub(super) fn asking(answer: OnTimeAnswer) -> Response {
    let told = words(answer);
    let body = format!("<form method=\"post\"><button>Say that it {told}</button></form>");
    scripted("Was it on time?", &body, SCRIPT)
}

pub(super) fn thanks(answer: OnTimeAnswer) -> Response {
    let told = words(answer);
    let body =
        format!("<p>Your answer is recorded: it {told}. The mail's other link changes it.</p>");
    page("Thank you", &body)
}

const fn words(answer: OnTimeAnswer) -> &'static str {
    match answer {
        OnTimeAnswer::OnTime => "came on time",
        OnTimeAnswer::Late => "came too late",
    }
}

pub(super) fn unknown_link() -> Response {
    let body =
        "<p>It may be incomplete: open it from the mail once more. Nothing was recorded.</p>";
    with_status(Code::NotFound, page("This link does not work", body))
}

pub(super) fn over() -> Response {
    let body = "<p>The report is too old to be asked about. Nothing was recorded.</p>";
    with_status(Code::NotFound, page("This link has expired", body))
}

/// Whether the mail arrived is not yet known here, or nothing of it ever left.
pub(super) fn refused() -> Response {
    let body =
        "<p>Its delivery is not closed yet. Nothing was recorded: please try again later.</p>";
    with_status(Code::Refused, page("Not yet", body))
}
