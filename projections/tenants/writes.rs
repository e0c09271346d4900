use schema::events::{KeyLimits, PauseScope};
use schema::{Calendar, CalendarName, RecordedEvent, Timestamp};
use sqlx::PgConnection;
use sqlx::types::Json;

const CREATE_TENANT: &str = "
    insert into tenants (tenant, title, created_at, position) values ($1, $2, $3, $4)";

const PAUSE: &str = "
    insert into pauses (tenant, scope, channel, destination, reason, paused_by, paused_at, position)
    values ($1, $2, $3, $4, $5, $6, $7, $8)
    on conflict (tenant, scope) do update
    set reason = excluded.reason, paused_by = excluded.paused_by, paused_at = excluded.paused_at,
        position = excluded.position";

const RESUME: &str = "delete from pauses where tenant = $1 and scope = $2";

const DEFINE_CALENDAR: &str = "
    insert into calendars (tenant, calendar, days, changed_by, changed_at, position)
    values ($1, $2, $3, $4, $5, $6)
    on conflict (tenant, calendar) do update
    set days = excluded.days, changed_by = excluded.changed_by, changed_at = excluded.changed_at,
        position = excluded.position";

const REMOVE_CALENDAR: &str = "delete from calendars where tenant = $1 and calendar = $2";

const ISSUE: &str = "
    insert into api_keys (tenant, api_key, title, scopes, issued_by, issued_at, expires_at, position,
        limits)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

const REVOKE: &str = "
    update api_keys set revoked_at = $3, revoke_reason = $4 where tenant = $1 and api_key = $2";

pub(super) async fn create_tenant(
    conn: &mut PgConnection,
    event: &RecordedEvent,
    title: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(CREATE_TENANT)
        .bind(event.stream.aggregate_id.as_str())
        .bind(title)
        .bind(event.recorded_at.to_chrono())
        .bind(event.position.0)
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn pause(
    conn: &mut PgConnection,
    event: &RecordedEvent,
    text: &str,
    scope: &PauseScope,
    reason: &str,
) -> Result<(), sqlx::Error> {
    let (channel, destination) = match scope {
        PauseScope::All => (None, None),
        PauseScope::Channel { channel } => (Some(channel.as_str()), None),
        PauseScope::Destination { destination } => (None, Some(destination.as_str())),
    };
    sqlx::query(PAUSE)
        .bind(event.stream.aggregate_id.as_str())
        .bind(text)
        .bind(channel)
        .bind(destination)
        .bind(reason)
        .bind(event.metadata.actor.as_str())
        .bind(event.recorded_at.to_chrono())
        .bind(event.position.0)
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn resume(
    conn: &mut PgConnection,
    event: &RecordedEvent,
    text: &str,
) -> Result<(), sqlx::Error> {
    let tenant = event.stream.aggregate_id.as_str();
    sqlx::query(RESUME).bind(tenant).bind(text).execute(conn).await?;
    Ok(())
}

pub(super) async fn define_calendar(
    conn: &mut PgConnection,
    event: &RecordedEvent,
    calendar: &CalendarName,
    days: &Calendar,
) -> Result<(), sqlx::Error> {
    sqlx::query(DEFINE_CALENDAR)
        .bind(event.stream.aggregate_id.as_str())
        .bind(calendar.as_str())
        .bind(Json(days))
        .bind(event.metadata.actor.as_str())
        .bind(event.recorded_at.to_chrono())
        .bind(event.position.0)
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn remove_calendar(
    conn: &mut PgConnection,
    event: &RecordedEvent,
    calendar: &CalendarName,
) -> Result<(), sqlx::Error> {
    let tenant = event.stream.aggregate_id.as_str();
    sqlx::query(REMOVE_CALENDAR).bind(tenant).bind(calendar.as_str()).execute(conn).await?;
    Ok(())
}

pub(super) async fn issue(
    conn: &mut PgConnection,
    event: &RecordedEvent,
    title: &str,
    scopes: Vec<String>,
    expires_at: Option<Timestamp>,
    limits: &KeyLimits,
) -> Result<(), sqlx::Error> {
    sqlx::query(ISSUE)
        .bind(event.metadata.tenant.as_str())
        .bind(event.stream.local_id())
        .bind(title)
        .bind(scopes)
        .bind(event.metadata.actor.as_str())
        .bind(event.recorded_at.to_chrono())
        .bind(expires_at.map(Timestamp::to_chrono))
        .bind(event.position.0)
        .bind((!limits.is_empty()).then_some(Json(limits)))
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn revoke(
    conn: &mut PgConnection,
    event: &RecordedEvent,
    reason: &str,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(REVOKE)
        .bind(event.metadata.tenant.as_str())
        .bind(event.stream.local_id())
        .bind(event.recorded_at.to_chrono())
        .bind(reason)
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}
