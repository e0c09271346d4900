use axum::extract::State;
use axum::response::Response;

use super::end;
use crate::error::ApiError;
use crate::extract::Path;
use crate::rest::page::page;
use crate::state::ApiState;

/// The page behind an unsubscribe link
///
/// It asks once and changes nothing.
#[utoipa::path(
    get, path = "/u/{token}", tag = "recipients' own",
    params(("token" = String, Path, description = "From the List-Unsubscribe header of a mail")),
    responses(
        (status = 200, description = "A page with one button", body = String, content_type = "text/html"),
        (status = 404, description = "The link is none of ours", body = String, content_type = "text/html"),
    )
)]
pub async fn ask_unsubscribe(
    State(api): State<ApiState>,
    Path(token): Path<String>,
) -> Result<Response, ApiError> {
    let Some(link) = api.vault.read_unsubscribe_token(&token) else {
        return Ok(end::unknown_link());
    };
    let Some(report) = end::wanted(&api, &link).await? else {
        return Ok(page("You are unsubscribed", "<p>Nothing more will be sent to you here.</p>"));
    };
    let body = format!(
        "<p>Stop receiving {report}?</p>\n<form method=\"post\">\
         <input type=\"hidden\" name=\"List-Unsubscribe\" value=\"One-Click\">\
         <button>Unsubscribe</button></form>"
    );
    Ok(page("Unsubscribe", &body))
}
