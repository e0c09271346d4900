//! Reading by GraphQL: what is there, why, and what happens. Reads only; every command goes by REST.
//!
//! This room decides nothing and writes nothing. Each field is closed until [`access`] opens it for a scope, each
//! answer is bounded by [`limits`], and no error leaves without a stable code.

pub mod access;
mod analytics;
mod budget;
mod connection;
mod fault;
mod figures;
mod graphiql;
mod groups;
mod history;
mod http;
mod inbox;
mod limits;
mod live;
mod loaders;
mod nodes;
mod nul;
mod query;
mod scalars;
mod served;
mod session;
mod socket;
mod timeline;
mod words;

use std::sync::Arc;

use async_graphql::{EmptyMutation, MergedObject, Schema};
use axum::Router;
use axum::routing::{any, get, post};
use tokio::sync::Semaphore;

use crate::state::ApiState;

pub use fault::{Fault, FaultCode};
pub use limits::MAX_STRANGERS;

/// What can be asked. Everything is the caller's own tenant's; what is another's does not exist. `atLeastPosition`
/// waits, within bounds, until the read models have seen that position: name the one a command was answered with to
/// read your own write. Each answer says in `extensions.position` what it was read at; what is asked of the past names
/// its position itself.
#[derive(Default, MergedObject)]
pub struct Query(
    query::Now,
    groups::Groups,
    history::Past,
    inbox::Inbox,
    served::WhoWasServed,
    figures::Figures,
);

/// The published schema.
pub type WaybillSchema = Schema<Query, EmptyMutation, live::LiveUpdates>;

/// The schema with its bounds. Who asks comes with each request.
#[must_use]
pub fn schema() -> WaybillSchema {
    Schema::build(Query::default(), EmptyMutation, live::LiveUpdates)
        .limit_depth(limits::MAX_DEPTH)
        .limit_recursive_depth(limits::MAX_NESTING)
        .limit_complexity(limits::MAX_COMPLEXITY)
        .limit_directives(limits::MAX_DIRECTIVES)
        .extension(access::Guard)
        .extension(budget::Budget)
        .finish()
}

/// The published description of the schema, as it is checked in.
#[must_use]
pub fn sdl() -> String {
    schema().sdl()
}

/// `POST /graphql`, the WebSocket at `/graphql/ws` and GraphiQL. Each proves its caller itself, so that errors have
/// GraphQL's form; the page and its files hold nobody's data. `places` are those of all requests under way: what comes
/// over a WebSocket takes one, too.
pub(crate) fn routes(places: Arc<Semaphore>) -> Router<ApiState> {
    let graphql = http::GraphQl::new(schema(), places);
    Router::new()
        .route("/graphql", post(http::answer))
        .route("/graphql/ws", any(socket::upgrade))
        .route("/graphiql", get(graphiql::page))
        .route("/graphiql/{file}", get(graphiql::file))
        .layer(axum::Extension(graphql))
}
