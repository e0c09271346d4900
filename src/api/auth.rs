//! Who calls. One layer before every route: it looks up what the route asks for, checks the key, and only then lets the
//! request through. Handlers take [`Caller`]; without the layer there is none.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::PoisonError;

use aggregates::api_key::{ApiKey, IssuedKey};
use aggregates::recipient::Recipient;
use axum::extract::{FromRequestParts, MatchedPath, OptionalFromRequestParts, Request, State};
use axum::http::header::{ALLOW, AUTHORIZATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use schema::events::{KeyLimits, Scope};
use schema::{Actor, ApiKeyId, Invalid, RecipientId, TenantId, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use crate::access::{Access, access, allowed};
use crate::error::{ApiError, Code};
use crate::limited;
use crate::sign_in::{self, Pass, TOKEN_PREFIX};
use crate::state::ApiState;

/// What every key begins with.
pub const KEY_PREFIX: &str = "wb_";
/// What a recipient is told that asks for anything else.
pub const NOT_OWN: &str = "a recipient's token opens that recipient's own inbox and nothing else";
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
    /// By what it is known.
    pub holder: Holder,
    /// Until when it may (exclusive); for good, when absent.
    pub expires_at: Option<Timestamp>,
}

/// By what a caller is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// An API key.
    Key {
        /// Which.
        key: ApiKeyId,
        /// What it may do.
        scopes: BTreeSet<Scope>,
        /// Whom it may subscribe to what.
        limits: KeyLimits,
    },
    /// A recipient's short-lived token: opens that recipient's inbox, and nothing else.
    Recipient(RecipientId),
}

impl Caller {
    /// The caller as events name it.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match &self.holder {
            Holder::Key { key, .. } => Actor::new("key", key.as_str()),
            Holder::Recipient(recipient) => Actor::new("recipient", recipient.as_str()),
        }
    }

    /// The key it called with, if it is one.
    #[must_use]
    pub const fn key(&self) -> Option<&ApiKeyId> {
        match &self.holder {
            Holder::Key { key, .. } => Some(key),
            Holder::Recipient(_) => None,
        }
    }

    /// The recipient, where it is one that signed in.
    #[must_use]
    pub const fn recipient(&self) -> Option<&RecipientId> {
        match &self.holder {
            Holder::Key { .. } => None,
            Holder::Recipient(recipient) => Some(recipient),
        }
    }

    /// Whom its key may subscribe to what, where that is limited.
    #[must_use]
    pub fn limits(&self) -> Option<&KeyLimits> {
        match &self.holder {
            Holder::Key { limits, .. } => (!limits.is_empty()).then_some(limits),
            Holder::Recipient(_) => None,
        }
    }

    /// Whether its key may do this, too. No token of a recipient has a scope.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        match &self.holder {
            Holder::Key { scopes, .. } => scopes.contains(&scope),
            Holder::Recipient(_) => false,
        }
    }

    /// Whose inbox is meant: a recipient's own, and only that; for a key the one named.
    ///
    /// # Errors
    /// [`Code::ScopeMissing`] where a recipient names another; [`Code::Invalid`] where a key names none.
    pub fn inbox_of(&self, named: Option<&str>) -> Result<RecipientId, ApiError> {
        let named = named.map(RecipientId::try_new).transpose()?;
        match (&self.holder, named) {
            (Holder::Recipient(own), None) => Ok(own.clone()),
            (Holder::Recipient(own), Some(named)) if *own == named => Ok(named),
            (Holder::Recipient(_), Some(_)) => Err(not_own()),
            (Holder::Key { .. }, Some(named)) => Ok(named),
            (Holder::Key { .. }, None) => {
                Err(Invalid::new("recipient", "", "must be named: an API key has no inbox").into())
            }
        }
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
        match &self.holder {
            Holder::Key { scopes, .. } if scopes.contains(&scope) => Ok(()),
            Holder::Key { .. } => Err(ApiError::scope_missing(scope)),
            Holder::Recipient(_) => Err(not_own()),
        }
    }
}

fn not_own() -> ApiError {
    ApiError::new(Code::ScopeMissing, NOT_OWN)
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
            let route = path.map_or("", MatchedPath::as_str);
            limited::check_route(&caller, scope, !request.method().is_safe(), route)?;
            caller
        }
        Some(Access::Own(scope)) => {
            let caller = authenticate(&api, request.headers())?;
            if caller.recipient().is_none() {
                caller.needs(scope)?;
                let route = path.map_or("", MatchedPath::as_str);
                limited::check_route(&caller, scope, !request.method().is_safe(), route)?;
            }
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

/// Whose key or token this is. Unknown, revoked and wrong are told apart to nobody; that it has expired only to whoever
/// has the secret.
///
/// # Errors
/// [`Code::Unauthenticated`] in every case.
pub fn authenticate(api: &ApiState, headers: &HeaderMap) -> Result<Caller, ApiError> {
    match presented(headers)? {
        Presented::Key(id, secret) => of_key(api, id, &secret),
        Presented::Token(token) => of_token(api, &token),
    }
}

/// A token is not kept: what it says holds, as long as it was signed here, has not expired and its recipient is not
/// retired. One that this node has not heard of yet was known to the node that signed.
fn of_token(api: &ApiState, token: &SecretString) -> Result<Caller, ApiError> {
    let pass = sign_in::read(&api.vault, token.expose_secret());
    let forged = || unauthenticated("the token is none of ours");
    let Pass { tenant, recipient, expires_at } = pass.ok_or_else(forged)?;
    if expires_at <= crate::clock::now() {
        return Err(unauthenticated("the token has expired: sign in again"));
    }
    let index = api.routing.read().unwrap_or_else(PoisonError::into_inner);
    match index.recipient(&tenant, &recipient) {
        Recipient::Retired => Err(unauthenticated("the recipient was retired")),
        Recipient::Active(_) | Recipient::Unknown => {
            let (holder, expires_at) = (Holder::Recipient(recipient), Some(expires_at));
            Ok(Caller { tenant, holder, expires_at })
        }
    }
}

fn of_key(api: &ApiState, id: ApiKeyId, secret: &SecretString) -> Result<Caller, ApiError> {
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
    let holder = Holder::Key { key: id, scopes: key.scopes, limits: key.limits };
    Ok(Caller { tenant, holder, expires_at: key.expires_at })
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

/// What an Authorization header holds.
enum Presented {
    /// `wb_<key id>_<secret>`, taken apart.
    Key(ApiKeyId, SecretString),
    /// A recipient's token, without its prefix.
    Token(SecretString),
}

fn presented(headers: &HeaderMap) -> Result<Presented, ApiError> {
    let header =
        headers.get(AUTHORIZATION).ok_or_else(|| unauthenticated("no API key was given"))?;
    let form = || unauthenticated("the Authorization header must be: Bearer wb_<key>_<secret>");
    let text = header.to_str().ok().filter(|text| text.len() <= MAX_HEADER_BYTES);
    let (scheme, token) = text.and_then(|text| text.split_once(' ')).ok_or_else(form)?;
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(form());
    }
    if let Some(token) = token.strip_prefix(TOKEN_PREFIX) {
        return Ok(Presented::Token(SecretString::from(token)));
    }
    let key = token.strip_prefix(KEY_PREFIX).and_then(|key| key.split_once('_'));
    let (id, secret) = key.ok_or_else(form)?;
    let id = ApiKeyId::try_new(id).map_err(|_| form())?;
    Ok(Presented::Key(id, SecretString::from(secret)))
}
