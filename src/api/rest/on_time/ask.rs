use axum::extract::State;
use axum::response::Response;

use super::page;
use crate::clock::now;
use crate::extract::Path;
use crate::state::ApiState;

/// The page behind an answer's link
///
/// It changes nothing: a browser that shows it sends the answer at once, and it has a button for those without scripts.
#[utoipa::path(
    get, path = "/t/{token}", tag = "recipients' own",
    params(("token" = String, Path, description = "From a mail's question whether it was on time")),
    responses(
        (status = 200, description = "A page with one button", body = String, content_type = "text/html"),
        (status = 404, description = "None of ours, or over", body = String, content_type = "text/html"),
    )
)]
pub async fn ask_on_time(State(api): State<ApiState>, Path(token): Path<String>) -> Response {
    match api.vault.read_on_time_token(&token) {
        None => page::unknown_link(),
        Some(link) if now() >= link.until => page::over(),
        Some(link) => page::asking(link.answer),
    }
}
