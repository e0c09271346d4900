//! Kinds of reports, and publishing their versions.

mod body;
mod get;
mod list;
mod measured;
mod multipart;
mod publish;
mod put;
mod retire;
mod submission;
mod withdraw;

pub use body::{ReportBody, ReportView};

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list_reports, publish::publish_report))
        .routes(routes!(get::get_report, put::put_report, retire::retire_report))
        .routes(routes!(withdraw::withdraw_version))
}
