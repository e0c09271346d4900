//! Questions about subscriptions. A pause that has run out is over, whatever the row says: each question is asked as of
//! an instant.

use chrono::{DateTime, Utc};
use schema::{Preferences, Selector};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use sqlx::{FromRow, PgPool};

use crate::entity::Entity;
use crate::page::{self, Cursor, Page, PageRequest};

/// Whether a subscription holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum SubscriptionState {
    /// It holds.
    Active,
    /// It holds back.
    Paused,
    /// It is over.
    Ended,
}

/// A subscription.
#[derive(Clone, Debug, PartialEq, Serialize, FromRow)]
pub struct SubscriptionRow {
    /// Whose.
    pub tenant: String,
    /// Its name.
    pub subscription: String,
    /// Who gets it, unless it is a group's.
    pub recipient: Option<String>,
    /// Whose members get it, where it is a group's.
    pub group_id: Option<String>,
    /// How many of the group want none of it, where it is a group's.
    pub opted_out: Option<i64>,
    /// The report it asks for; `*` for all.
    pub report: String,
    /// Which versions.
    pub selector: Json<Selector>,
    /// How.
    pub preferences: Json<Preferences>,
    /// Counts what it said, from 1: decisions name it.
    pub version: i64,
    /// Whether it holds, as of the instant asked for.
    pub state: SubscriptionState,
    /// Until when it holds back (exclusive); until resumed, when absent. Kept after it has passed.
    pub paused_until: Option<DateTime<Utc>>,
    /// Why it was paused or ended last.
    pub reason: Option<String>,
    /// Since when (last, if it had ended).
    pub subscribed_at: DateTime<Utc>,
    /// When it last changed.
    pub changed_at: DateTime<Utc>,
    /// How many events its history has.
    pub change_count: i64,
    /// By which event it came: its place in the list.
    pub position: i64,
    /// Last sequence of its stream: what If-Match compares.
    pub sequence: i64,
}

impl Entity for SubscriptionRow {
    const LOAD: &'static str = "
        select s.* from subscriptions s
        join unnest($1::text[], $2::text[]) as wanted (tenant, subscription)
            on s.tenant = wanted.tenant and s.subscription = wanted.subscription";
    const STORE: &'static str = "
        insert into subscriptions
        select * from jsonb_populate_recordset(null::subscriptions, $1::jsonb)
        on conflict (tenant, subscription) do update
        set recipient = excluded.recipient, group_id = excluded.group_id,
            opted_out = excluded.opted_out, report = excluded.report, selector = excluded.selector,
            preferences = excluded.preferences, version = excluded.version,
            state = excluded.state, paused_until = excluded.paused_until, reason = excluded.reason,
            subscribed_at = excluded.subscribed_at, changed_at = excluded.changed_at,
            change_count = excluded.change_count, position = excluded.position,
            sequence = excluded.sequence";

    fn key(&self) -> String {
        format!("{}/{}", self.tenant, self.subscription)
    }
}

impl SubscriptionRow {
    /// As it holds at `now`.
    fn judged_at(mut self, now: DateTime<Utc>) -> Self {
        let over = self.paused_until.is_some_and(|until| until <= now);
        if self.state == SubscriptionState::Paused && over {
            self.state = SubscriptionState::Active;
        }
        self
    }
}

/// Which subscriptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionFilter {
    /// Whose. Always.
    pub tenant: String,
    /// The instant at which states are judged.
    pub now: DateTime<Utc>,
    /// Only this recipient's.
    pub recipient: Option<String>,
    /// Only this group's.
    pub group: Option<String>,
    /// Only those that ask for this report by name, or `*` for those that ask for all.
    pub report: Option<String>,
    /// Only those in this state.
    pub state: Option<SubscriptionState>,
}

impl SubscriptionFilter {
    /// All of a tenant, as of `now`.
    pub fn of(tenant: impl Into<String>, now: DateTime<Utc>) -> Self {
        Self { tenant: tenant.into(), now, recipient: None, group: None, report: None, state: None }
    }
}

macro_rules! page_sql {
    ($order:literal) => {
        concat!(
            "select * from read.subscriptions
             where ($1::bigint is null or position > $1)
               and ($3::bigint is null or position < $3)
               and tenant = $6
               and ($7::text is null or recipient = $7)
               and ($8::text is null or report = $8)
               and ($9::text is null
                    or case when state = 'paused' and paused_until <= $10
                       then 'active' else state end = $9)
               and ($11::text is null or group_id = $11)
             order by position ",
            $order,
            " limit $5"
        )
    };
}

const COUNT: &str = "
    select count(*) from read.subscriptions
    where tenant = $1
      and ($2::text is null or recipient = $2)
      and ($3::text is null or report = $3)
      and ($4::text is null
           or case when state = 'paused' and paused_until <= $5
              then 'active' else state end = $4)
      and ($6::text is null or group_id = $6)";

const BY_IDS: &str = "
    select * from read.subscriptions where tenant = $1 and subscription = any($2)";

const OF_RECIPIENTS: &str = "
    select * from read.subscriptions where tenant = $1 and recipient = any($2)
    order by recipient, position limit $3";

/// Subscriptions, ordered by when they began.
///
/// # Errors
/// The database's.
pub async fn page(
    pool: &PgPool,
    filter: &SubscriptionFilter,
    request: &PageRequest,
) -> Result<Page<SubscriptionRow>, sqlx::Error> {
    let sql = if request.reads_upwards() { page_sql!("asc") } else { page_sql!("desc") };
    let query = page::by_number(sql, request)
        .bind(filter.tenant.clone())
        .bind(filter.recipient.clone())
        .bind(filter.report.clone())
        .bind(filter.state)
        .bind(filter.now)
        .bind(filter.group.clone());
    let mut page =
        page::fetch(pool, query, request, |row: &SubscriptionRow| Cursor::at(row.position)).await?;
    page.edges = page
        .edges
        .into_iter()
        .map(|edge| page::Edge { row: edge.row.judged_at(filter.now), ..edge })
        .collect();
    Ok(page)
}

/// How many subscriptions the filter lets through.
///
/// # Errors
/// The database's.
pub async fn count(pool: &PgPool, filter: &SubscriptionFilter) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(COUNT)
        .persistent(false)
        .bind(&filter.tenant)
        .bind(&filter.recipient)
        .bind(&filter.report)
        .bind(filter.state)
        .bind(filter.now)
        .bind(&filter.group)
        .fetch_one(pool)
        .await
}

/// Subscriptions by id as of `now`, in no order; unknown ones are absent.
///
/// # Errors
/// The database's.
pub async fn by_ids(
    pool: &PgPool,
    tenant: &str,
    subscriptions: &[String],
    now: DateTime<Utc>,
) -> Result<Vec<SubscriptionRow>, sqlx::Error> {
    let rows: Vec<SubscriptionRow> =
        sqlx::query_as(BY_IDS).bind(tenant).bind(subscriptions).fetch_all(pool).await?;
    Ok(rows.into_iter().map(|row| row.judged_at(now)).collect())
}

/// Subscriptions of these recipients as of `now`, at most `limit` in all: by recipient, then as they began.
///
/// # Errors
/// The database's.
pub async fn of_recipients(
    pool: &PgPool,
    tenant: &str,
    recipients: &[String],
    now: DateTime<Utc>,
    limit: u32,
) -> Result<Vec<SubscriptionRow>, sqlx::Error> {
    let rows: Vec<SubscriptionRow> = sqlx::query_as(OF_RECIPIENTS)
        .bind(tenant)
        .bind(recipients)
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await?;
    Ok(rows.into_iter().map(|row| row.judged_at(now)).collect())
}
