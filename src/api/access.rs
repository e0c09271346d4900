//! Who may call what: one line per route. A route without a line here is answered 403 before its handler runs.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::http::Method;
use schema::events::Scope;

/// What a route asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing: it tells no tenant's data, or its own token is the proof.
    Public,
    /// A key with this scope; it sees its own tenant only.
    Needs(Scope),
    /// A key with this scope; or a recipient that signed in, which sees its own inbox only.
    Own(Scope),
    /// A key with this scope of the tenant `system`, which stands for the installation.
    Installation(Scope),
}

use Access::{Installation, Needs, Own, Public};
use Scope::{Audit, Operate, Publish, Read, Subscribe};

/// Every route there is.
#[rustfmt::skip]
pub const ACCESS: &[(Method, &str, Access)] = &[
    (Method::GET,    "/v1/reports", Needs(Read)),
    (Method::POST,   "/v1/reports", Needs(Publish)),
    (Method::GET,    "/v1/reports/{report}", Needs(Read)),
    (Method::PUT,    "/v1/reports/{report}", Needs(Publish)),
    (Method::DELETE, "/v1/reports/{report}", Needs(Publish)),
    (Method::POST,   "/v1/reports/{report}/versions/{version}/withdraw", Needs(Publish)),
    (Method::GET,    "/v1/distributions/{distribution}", Needs(Read)),
    (Method::POST,   "/v1/distributions/{distribution}/resend", Needs(Operate)),
    (Method::GET,    "/v1/distributions/{distribution}/served", Needs(Read)),
    (Method::GET,    "/v1/events", Needs(Audit)),
    (Method::POST,   "/v1/artifacts", Needs(Publish)),
    (Method::GET,    "/v1/artifacts/{sha256}", Needs(Read)),
    (Method::GET,    "/v1/recipients", Needs(Read)),
    (Method::GET,    "/v1/recipients/{recipient}", Needs(Read)),
    (Method::PUT,    "/v1/recipients/{recipient}", Needs(Subscribe)),
    (Method::DELETE, "/v1/recipients/{recipient}", Needs(Subscribe)),
    (Method::PUT,    "/v1/recipients/{recipient}/addresses/{address}", Needs(Subscribe)),
    (Method::DELETE, "/v1/recipients/{recipient}/addresses/{address}", Needs(Subscribe)),
    (Method::GET,    "/v1/recipients/{recipient}/addresses/{address}/webhook", Needs(Read)),
    (Method::PUT,    "/v1/recipients/{recipient}/addresses/{address}/webhook", Needs(Subscribe)),
    (Method::POST,   "/v1/recipients/{recipient}/addresses/{address}/webhook/rotate", Needs(Subscribe)),
    (Method::POST,   "/v1/recipients/{recipient}/addresses/{address}/webhook/test", Needs(Operate)),
    (Method::PUT,    "/v1/recipients/{recipient}/addresses/{address}/webhook/certificate", Needs(Subscribe)),
    (Method::DELETE, "/v1/recipients/{recipient}/addresses/{address}/webhook/certificate", Needs(Subscribe)),
    (Method::PUT,    "/v1/recipients/{recipient}/entitlements/{grant}", Needs(Subscribe)),
    (Method::DELETE, "/v1/recipients/{recipient}/entitlements/{grant}", Needs(Subscribe)),
    (Method::POST,   "/v1/recipients/{recipient}/tokens", Needs(Subscribe)),
    (Method::POST,   "/v1/recipients/{recipient}/preference-links", Needs(Subscribe)),
    (Method::GET,    "/v1/recipients/{recipient}/inbox", Own(Read)),
    (Method::POST,   "/v1/recipients/{recipient}/inbox/read", Own(Subscribe)),
    (Method::GET,    "/v1/inbox/{delivery}/files/{name}", Own(Read)),
    (Method::POST,   "/v1/inbox/{delivery}/read", Own(Subscribe)),
    (Method::POST,   "/v1/inbox/{delivery}/acknowledge", Own(Subscribe)),
    (Method::POST,   "/v1/inbox/{delivery}/snooze", Own(Subscribe)),
    (Method::POST,   "/v1/inbox/{delivery}/unsnooze", Own(Subscribe)),
    (Method::POST,   "/v1/inbox/{delivery}/on-time", Own(Subscribe)),
    (Method::GET,    "/v1/groups", Needs(Read)),
    (Method::GET,    "/v1/groups/{group}", Needs(Read)),
    (Method::PUT,    "/v1/groups/{group}", Needs(Subscribe)),
    (Method::DELETE, "/v1/groups/{group}", Needs(Subscribe)),
    (Method::GET,    "/v1/groups/{group}/members", Needs(Read)),
    (Method::POST,   "/v1/groups/{group}/members", Needs(Subscribe)),
    (Method::PUT,    "/v1/groups/{group}/members/recipients/{recipient}", Needs(Subscribe)),
    (Method::DELETE, "/v1/groups/{group}/members/recipients/{recipient}", Needs(Subscribe)),
    (Method::PUT,    "/v1/groups/{group}/members/groups/{member}", Needs(Subscribe)),
    (Method::DELETE, "/v1/groups/{group}/members/groups/{member}", Needs(Subscribe)),
    (Method::GET,    "/v1/subscriptions", Needs(Read)),
    (Method::POST,   "/v1/subscriptions", Needs(Subscribe)),
    (Method::POST,   "/v1/subscriptions/preview", Needs(Read)),
    (Method::GET,    "/v1/bulk/subscriptions", Needs(Read)),
    (Method::POST,   "/v1/bulk/subscriptions", Needs(Subscribe)),
    (Method::GET,    "/v1/subscriptions/{subscription}", Needs(Read)),
    (Method::PUT,    "/v1/subscriptions/{subscription}", Needs(Subscribe)),
    (Method::PUT,    "/v1/subscriptions/{subscription}/opt-outs/{recipient}", Needs(Subscribe)),
    (Method::DELETE, "/v1/subscriptions/{subscription}/opt-outs/{recipient}", Needs(Subscribe)),
    (Method::POST,   "/v1/subscriptions/{subscription}/pause", Needs(Subscribe)),
    (Method::POST,   "/v1/subscriptions/{subscription}/resume", Needs(Subscribe)),
    (Method::POST,   "/v1/subscriptions/{subscription}/unsubscribe", Needs(Subscribe)),
    (Method::GET,    "/v1/deliveries", Needs(Read)),
    (Method::GET,    "/v1/deliveries/{delivery}", Needs(Read)),
    (Method::POST,   "/v1/deliveries/{delivery}/cancel", Needs(Operate)),
    (Method::POST,   "/v1/deliveries/{delivery}/resend", Needs(Operate)),
    (Method::POST,   "/v1/deliveries/{delivery}/resolve", Needs(Operate)),
    (Method::POST,   "/v1/mail/returns", Needs(Operate)),
    (Method::GET,    "/v1/suppressions", Needs(Audit)),
    (Method::POST,   "/v1/suppressions", Needs(Operate)),
    (Method::POST,   "/v1/suppressions/lift", Needs(Operate)),
    (Method::GET,    "/v1/pauses", Needs(Read)),
    (Method::POST,   "/v1/pauses", Needs(Operate)),
    (Method::POST,   "/v1/pauses/resume", Needs(Operate)),
    (Method::GET,    "/v1/calendars", Needs(Read)),
    (Method::GET,    "/v1/calendars/{calendar}", Needs(Read)),
    (Method::PUT,    "/v1/calendars/{calendar}", Needs(Subscribe)),
    (Method::DELETE, "/v1/calendars/{calendar}", Needs(Subscribe)),
    (Method::GET,    "/v1/gates", Needs(Read)),
    (Method::GET,    "/v1/rollups", Needs(Read)),
    (Method::GET,    "/v1/keys", Needs(Operate)),
    (Method::POST,   "/v1/keys", Needs(Operate)),
    (Method::GET,    "/v1/keys/{key}", Needs(Operate)),
    (Method::DELETE, "/v1/keys/{key}", Needs(Operate)),
    (Method::GET,    "/u/{token}", Public),
    (Method::POST,   "/u/{token}", Public),
    (Method::GET,    "/p/{token}", Public),
    (Method::POST,   "/p/{token}", Public),
    (Method::GET,    "/t/{token}", Public),
    (Method::POST,   "/t/{token}", Public),
    (Method::POST,   "/graphql", Public),
    (Method::GET,    "/graphql/ws", Public),
    (Method::GET,    "/graphiql", Public),
    (Method::GET,    "/graphiql/{file}", Public),
    (Method::GET,    "/healthz", Public),
    (Method::GET,    "/readyz", Public),
    (Method::GET,    "/metrics", Installation(Operate)),
    (Method::GET,    "/openapi.json", Public),
    (Method::GET,    "/docs", Public),
    (Method::GET,    "/docs/", Public),
    (Method::GET,    "/docs/{*rest}", Public),
];

static BY_ROUTE: LazyLock<HashMap<(&'static str, &'static str), Access>> = LazyLock::new(|| {
    ACCESS.iter().map(|(method, path, access)| ((*path, method.as_str()), *access)).collect()
});

/// What the route asks of its caller; `None` when nobody said, so nobody may. HEAD asks what GET asks.
#[must_use]
pub fn access(method: &Method, path: &str) -> Option<Access> {
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    let key: (&str, &str) = (path, method);
    BY_ROUTE.get(&key).copied()
}

/// POST requests that change nothing: GraphQL, which knows no mutations, signing in and links to a recipient's page, of
/// which nothing is kept, and what a subscription would lead to.
const ASKING: [&str; 4] = [
    "/graphql",
    "/v1/recipients/{recipient}/tokens",
    "/v1/recipients/{recipient}/preference-links",
    "/v1/subscriptions/preview",
];

/// Whether a request may change something.
#[must_use]
pub fn changes(method: &Method, path: &str) -> bool {
    !method.is_safe() && !ASKING.contains(&path)
}

/// The methods of a path, as an Allow header lists them; empty for a path nobody knows.
#[must_use]
pub fn allowed(path: &str) -> String {
    let of_path = ACCESS.iter().filter(|(_, known, _)| *known == path);
    of_path.map(|(method, ..)| method.as_str()).collect::<Vec<_>>().join(", ")
}
