//! Subscriptions by the thousand: read from a stream of lines, each a command of its own, and written to one. What is
//! held at once is a line or a portion, however long the stream is.

mod export;
mod import;
mod line;
mod records;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(export::export_subscriptions, import::import_subscriptions))
}

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A JSON object each.
    Ndjson,
    /// Cells, quoted where need be (RFC 4180), behind a header.
    Csv,
}

impl Form {
    const fn media_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv",
        }
    }
}
