//! Questions about tenants, pauses and API keys.

use chrono::{DateTime, Utc};
use schema::Calendar;
use schema::events::KeyLimits;
use sqlx::types::Json;
use sqlx::{FromRow, PgPool};

use crate::page::{self, Cursor, Page, PageRequest};

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct TenantRow {
    /// Its name in every id.
    pub tenant: String,
    /// The organisation's name, for people.
    pub title: String,
    /// When it was set up.
    pub created_at: DateTime<Utc>,
    /// By which event.
    pub position: i64,
}

/// What an operator holds back at the moment.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct PauseRow {
    /// Whose sends.
    pub tenant: String,
    /// `all`, `channel/<channel>` or `destination/<key>`.
    pub scope: String,
    /// The channel, when one is paused.
    pub channel: Option<String>,
    /// The destination, when one is paused.
    pub destination: Option<String>,
    /// Why.
    pub reason: String,
    /// By whom.
    pub paused_by: String,
    /// Since when.
    pub paused_at: DateTime<Utc>,
    /// By which event.
    pub position: i64,
}

/// A calendar of business days.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct CalendarRow {
    /// Whose.
    pub tenant: String,
    /// Its name.
    pub calendar: String,
    /// Which days are off.
    pub days: Json<Calendar>,
    /// By whom it was changed last.
    pub changed_by: String,
    /// When.
    pub changed_at: DateTime<Utc>,
    /// By which event.
    pub position: i64,
}

/// An API key, without anything that would let one use it.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct ApiKeyRow {
    /// Whose.
    pub tenant: String,
    /// Its public part.
    pub api_key: String,
    /// What it is for.
    pub title: String,
    /// What it may do, by [`schema::events::Scope`]'s names, sorted as that enum is.
    pub scopes: Vec<String>,
    /// By whom it was handed out.
    pub issued_by: String,
    /// When.
    pub issued_at: DateTime<Utc>,
    /// When it stops working (exclusive); never, when absent.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Why.
    pub revoke_reason: Option<String>,
    /// By which event it came.
    pub position: i64,
    /// To whom and to what its subscriptions are limited; not at all, when absent.
    pub limits: Option<Json<KeyLimits>>,
}

const TENANTS: &str = "select * from read.tenants order by tenant";
const TENANT: &str = "select * from read.tenants where tenant = $1";
const EVERY_PAUSE: &str = "select * from read.pauses order by tenant, scope";
const PAUSES: &str = "select * from read.pauses where tenant = $1 order by scope";
const CALENDARS: &str = "select * from read.calendars where tenant = $1 order by calendar";
const API_KEY_COUNT: &str = "select count(*) from read.api_keys where tenant = $1";
const API_KEYS: &str = "select * from read.api_keys where tenant = $1 and api_key = any($2)";

macro_rules! api_keys {
    ($order:literal) => {
        concat!(
            "select * from read.api_keys
             where ($1::bigint is null or position > $1)
               and ($3::bigint is null or position < $3)
               and tenant = $6
             order by position ",
            $order,
            " limit $5"
        )
    };
}

/// All tenants, by name. Operators only: it is the one query here that crosses tenants.
///
/// # Errors
/// The database's.
pub async fn tenants(pool: &PgPool) -> Result<Vec<TenantRow>, sqlx::Error> {
    sqlx::query_as(TENANTS).fetch_all(pool).await
}

/// One tenant.
///
/// # Errors
/// The database's.
pub async fn tenant(pool: &PgPool, tenant: &str) -> Result<Option<TenantRow>, sqlx::Error> {
    sqlx::query_as(TENANT).bind(tenant).fetch_optional(pool).await
}

/// What is held back, of every tenant: for those who look after the installation.
///
/// # Errors
/// The database's.
pub async fn every_pause(pool: &PgPool) -> Result<Vec<PauseRow>, sqlx::Error> {
    sqlx::query_as(EVERY_PAUSE).fetch_all(pool).await
}

/// What is held back for a tenant now, by scope.
///
/// # Errors
/// The database's.
pub async fn pauses(pool: &PgPool, tenant: &str) -> Result<Vec<PauseRow>, sqlx::Error> {
    sqlx::query_as(PAUSES).bind(tenant).fetch_all(pool).await
}

/// A tenant's calendars, by name.
///
/// # Errors
/// The database's.
pub async fn calendars(pool: &PgPool, tenant: &str) -> Result<Vec<CalendarRow>, sqlx::Error> {
    sqlx::query_as(CALENDARS).bind(tenant).fetch_all(pool).await
}

/// A tenant's keys, ordered by when they were issued.
///
/// # Errors
/// The database's.
pub async fn api_keys(
    pool: &PgPool,
    tenant: &str,
    request: &PageRequest,
) -> Result<Page<ApiKeyRow>, sqlx::Error> {
    let sql = if request.reads_upwards() { api_keys!("asc") } else { api_keys!("desc") };
    let query = page::by_number(sql, request).bind(tenant.to_owned());
    page::fetch(pool, query, request, |row: &ApiKeyRow| Cursor::at(row.position)).await
}

/// How many keys a tenant has, revoked ones included.
///
/// # Errors
/// The database's.
pub async fn count_api_keys(pool: &PgPool, tenant: &str) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(API_KEY_COUNT).bind(tenant).fetch_one(pool).await
}

/// Keys by their public parts, in no order; unknown ones are absent.
///
/// # Errors
/// The database's.
pub async fn api_keys_by_ids(
    pool: &PgPool,
    tenant: &str,
    ids: &[String],
) -> Result<Vec<ApiKeyRow>, sqlx::Error> {
    sqlx::query_as(API_KEYS).bind(tenant).bind(ids).fetch_all(pool).await
}
