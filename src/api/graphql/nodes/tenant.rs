use async_graphql::{ComplexObject, Context, ID, SimpleObject};
use projections::tenants::queries::{self, CalendarRow, PauseRow, TenantRow};
use schema::Position;

use crate::auth::{Caller, Holder};
use crate::graphql::access::not_own;
use crate::graphql::fault::Fault;
use crate::graphql::scalars::{Instant, LogPosition};
use crate::graphql::session::Session;
use crate::graphql::words::{Channel, Scope};

/// Whose ledger it is.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Tenant {
    /// Its name in every id.
    pub id: ID,
    /// The organisation's name, for people.
    pub title: String,
    /// When it was set up.
    pub created_at: Instant,
}

#[ComplexObject]
impl Tenant {
    /// What operators hold back now.
    #[graphql(complexity = "2 + 5 * child_complexity")]
    async fn pauses(&self, ctx: &Context<'_>) -> Result<Vec<Pause>, Fault> {
        let session = Session::of(ctx)?;
        let rows = queries::pauses(&session.api().reads, session.tenant().as_str()).await?;
        rows.into_iter().map(Pause::try_from).collect()
    }

    /// Its calendars of business days; `weekdays`, Monday to Friday, is there without being defined.
    #[graphql(complexity = "2 + 5 * child_complexity")]
    async fn calendars(&self, ctx: &Context<'_>) -> Result<Vec<Calendar>, Fault> {
        let session = Session::of(ctx)?;
        let rows = queries::calendars(&session.api().reads, session.tenant().as_str()).await?;
        Ok(rows.into_iter().map(Calendar::from).collect())
    }
}

/// Which days are no business days.
#[derive(Clone, Debug, SimpleObject)]
pub struct Calendar {
    /// Its name.
    pub id: ID,
    /// Every one of these days of the week.
    pub days_off: Vec<String>,
    /// And these dates.
    pub dates_off: Vec<String>,
    /// By whom it was changed last.
    pub changed_by: String,
    /// When.
    pub changed_at: Instant,
    /// By which event.
    pub position: LogPosition,
}

impl From<CalendarRow> for Calendar {
    fn from(row: CalendarRow) -> Self {
        let days = row.days.0;
        Self {
            id: row.calendar.into(),
            days_off: days.days_off.iter().map(|day| day.as_str().to_owned()).collect(),
            dates_off: days.dates_off.iter().map(ToString::to_string).collect(),
            changed_by: row.changed_by,
            changed_at: row.changed_at.into(),
            position: LogPosition(Position(row.position)),
        }
    }
}

impl From<TenantRow> for Tenant {
    fn from(row: TenantRow) -> Self {
        Self { id: row.tenant.into(), title: row.title, created_at: row.created_at.into() }
    }
}

/// What an operator holds back. What is due waits; deadlines go on.
#[derive(Clone, Debug, SimpleObject)]
pub struct Pause {
    /// `all`, `channel/<channel>` or `destination/<key>`.
    pub scope: String,
    /// The channel, when one is paused.
    pub channel: Option<Channel>,
    /// The destination, when one is paused.
    pub destination: Option<ID>,
    /// Why.
    pub reason: String,
    /// By whom.
    pub paused_by: String,
    /// Since when.
    pub paused_at: Instant,
    /// By which event.
    pub position: LogPosition,
}

impl TryFrom<PauseRow> for Pause {
    type Error = Fault;

    fn try_from(row: PauseRow) -> Result<Self, Fault> {
        Ok(Self {
            scope: row.scope,
            channel: row.channel.as_deref().map(Channel::read).transpose()?,
            destination: row.destination.map(Into::into),
            reason: row.reason,
            paused_by: row.paused_by,
            paused_at: row.paused_at.into(),
            position: LogPosition(Position(row.position)),
        })
    }
}

/// Who asks.
#[derive(Clone, Debug, SimpleObject)]
pub struct Viewer {
    /// For whom.
    pub tenant: ID,
    /// With which key.
    pub key: ID,
    /// What the key may do.
    pub scopes: Vec<Scope>,
}

impl Viewer {
    /// The caller, as it may see itself.
    ///
    /// # Errors
    /// Internal, when a scope has no name here; forbidden, when no key asks.
    pub fn of(caller: &Caller) -> Result<Self, Fault> {
        let Holder::Key { key, scopes, .. } = &caller.holder else { return Err(not_own()) };
        let scopes = scopes.iter().map(|scope| Scope::read(scope.as_str()));
        Ok(Self {
            tenant: caller.tenant.as_str().into(),
            key: key.as_str().into(),
            scopes: scopes.collect::<Result<_, Fault>>()?,
        })
    }
}
