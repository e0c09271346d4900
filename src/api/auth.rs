//! Who calls. One layer before every route: it looks up what the route asks for, checks the key, and only then lets the
//! request through. Handlers take [`Caller`]; without the layer there is none.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::PoisonError;

use aggregates::api_key::{ApiKey, IssuedKey};
use axum::extract::{FromRequestParts, MatchedPath, OptionalFromRequestParts, Request, State};
use axum::http::header::{ALLOW, AUTHORIZATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use schema::events::Scope;
use schema::{Actor, ApiKeyId, TenantId, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use crate::access::{Access, access, allowed};
use crate::error::{ApiError, Code};
use crate::state::ApiState;

/// What every key begins with.
pub const KEY_PREFIX: &str = "wb_";
/// The tenant that stands for the installation.
const INSTALLATION: &str = "system";
/// Longest Authorization header that is looked at, in bytes.
const MAX_HEADER_BYTES: usize = 256;
/// Keys of one id in different tenants that are tried.
const MAX_NAMESAKES: usize = 16;
/// No secret has this hash.
const NO_HASH: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Who calls, proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// For whom.
    pub tenant: TenantId,
    /// With which key.
    pub key: ApiKeyId,
    /// What the key may do.
    pub scopes: BTreeSet<Scope>,
    /// Until when it may (exclusive); for good, when absent.
    pub expires_at: Option<Timestamp>,
}

impl Caller {
    /// The caller as events name it.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::new("key", self.key.as_str())
    }

    /// Whether the key may do this, too.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// Whether the key is one of the installation's, not of one tenant of many.
    #[must_use]
    pub fn is_of_installation(&self) -> bool {
        self.tenant.as_str() == INSTALLATION
    }

    /// Insists on a further scope.
    ///
    /// # Errors
    /// The scope that is missing.
    pub fn needs(&self, scope: Scope) -> Result<(), ApiError> {
        if self.may(scope) { Ok(()) } else { Err(ApiError::scope_missing(scope)) }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| unauthenticated("no API key was given"))
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned())
    }
}

/// The layer: no route runs before it has said yes.
pub(crate) async fn guard(
    State(api): State<ApiState>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let path = request.extensions().get::<MatchedPath>();
    let asked = path.and_then(|path| access(request.method(), path.as_str()));
    let caller = match asked {
        Some(Access::Public) => return Ok(next.run(request).await),
        Some(Access::Needs(scope)) => {
            let caller = authenticate(&api, request.headers())?;
            caller.needs(scope)?;
            caller
        }
        Some(Access::Installation(scope)) => {
            let caller = authenticate(&api, request.headers())?;
            caller.needs(scope)?;
            if !caller.is_of_installation() {
                let detail = "only a key of the tenant \"system\" may see the whole installation";
                return Err(ApiError::new(Code::ScopeMissing, detail));
            }
            caller
        }
        None => {
            let allow = path.map(|path| allowed(path.as_str())).unwrap_or_default();
            return Ok(unlisted(&api, request.headers(), &allow));
        }
    };
    request.extensions_mut().insert(caller.clone());
    let mut response = next.run(request).await;
    response.extensions_mut().insert(caller);
    Ok(response)
}

/// The answer where nobody said who may: that the method is wrong, when the path knows others; else no to everyone.
fn unlisted(api: &ApiState, headers: &HeaderMap, allow: &str) -> Response {
    if let Ok(allow) = HeaderValue::try_from(allow)
        && !allow.is_empty()
    {
        let detail = "the Allow header names the methods this path knows";
        let mut response = ApiError::new(Code::MethodNotAllowed, detail).into_response();
        response.headers_mut().insert(ALLOW, allow);
        return response;
    }
    match authenticate(api, headers) {
        Ok(_) => ApiError::new(Code::ScopeMissing, "no key is allowed here").into_response(),
        Err(error) => error.into_response(),
    }
}

fn unauthenticated(detail: &str) -> ApiError {
    ApiError::new(Code::Unauthenticated, detail)
}

/// Whose key this is. Unknown, revoked and wrong are told apart to nobody; that it has expired only to whoever has the
/// secret.
///
/// # Errors
/// [`Code::Unauthenticated`] in every case.
pub fn authenticate(api: &ApiState, headers: &HeaderMap) -> Result<Caller, ApiError> {
    let (id, secret) = presented(headers)?;
    let known = issued(api, &id);
    if known.is_empty() {
        // As long as for a known key: how long it takes must not tell which keys there are.
        let _ = api.vault.verify_api_secret(secret.expose_secret(), NO_HASH);
    }
    let right =
        |key: &IssuedKey| api.vault.verify_api_secret(secret.expose_secret(), &key.secret_hash);
    let Some((tenant, key)) = known.into_iter().find(|(_, key)| right(key)) else {
        return Err(unauthenticated("the API key is unknown, revoked, or its secret is wrong"));
    };
    if key.expires_at.is_some_and(|end| end <= crate::clock::now()) {
        return Err(unauthenticated("the API key has expired"));
    }
    Ok(Caller { tenant, key: id, scopes: key.scopes, expires_at: key.expires_at })
}

/// Ids are unique within a tenant; the secret tells which key is meant.
fn issued(api: &ApiState, id: &ApiKeyId) -> Vec<(TenantId, IssuedKey)> {
    let index = api.routing.read().unwrap_or_else(PoisonError::into_inner);
    let issued = |(tenant, key): (&TenantId, &ApiKey)| match key {
        ApiKey::Issued(key) => Some((tenant.clone(), key.clone())),
        ApiKey::Unknown | ApiKey::Revoked => None,
    };
    index.api_keys(id).filter_map(issued).take(MAX_NAMESAKES).collect()
}

/// `Bearer wb_<key id>_<secret>`, taken apart.
fn presented(headers: &HeaderMap) -> Result<(ApiKeyId, SecretString), ApiError> {
    let header =
        headers.get(AUTHORIZATION).ok_or_else(|| unauthenticated("no API key was given"))?;
    let text = header.to_str().ok().filter(|text| text.len() <= MAX_HEADER_BYTES);
    let split = text.and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        let key = token.trim().strip_prefix(KEY_PREFIX)?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.split_once('_')).flatten()
    });
    let form = || unauthenticated("the Authorization header must be: Bearer wb_<key>_<secret>");
    let (id, secret) = split.ok_or_else(form)?;
    let id = ApiKeyId::try_new(id).map_err(|_| form())?;
    Ok((id, SecretString::from(secret)))
}
