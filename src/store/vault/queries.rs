use schema::TenantId;
use sqlx::FromRow;

use crate::timely::Timely;

/// A subject's key as stored.
#[derive(FromRow)]
pub(super) struct KeyRow {
    pub key_id: Vec<u8>,
    pub subject: String,
    /// Absent when it was destroyed.
    pub wrapped: Option<Vec<u8>>,
}

/// The vault's proof; the first one is.
pub(super) async fn check(pool: Timely<'_>, first: &[u8]) -> sqlx::Result<Vec<u8>> {
    sqlx::query("insert into vault_check (proof) values ($1) on conflict do nothing")
        .bind(first)
        .execute(pool)
        .await?;
    proof(pool).await
}

pub(super) async fn proof(pool: Timely<'_>) -> sqlx::Result<Vec<u8>> {
    sqlx::query_scalar("select proof from vault_check").fetch_one(pool).await
}

/// The vault is known by another master key from now on.
pub(super) async fn prove(pool: Timely<'_>, proof: &[u8]) -> sqlx::Result<()> {
    sqlx::query("update vault_check set proof = $1").bind(proof).execute(pool).await?;
    Ok(())
}

pub(super) async fn subject_keys(
    pool: Timely<'_>,
    tenant: &TenantId,
    subjects: &[&str],
) -> sqlx::Result<Vec<KeyRow>> {
    sqlx::query_as(
        "select key_id, subject, wrapped from subject_keys where tenant = $1 and subject = any($2)",
    )
    .bind(tenant.as_str())
    .bind(subjects)
    .fetch_all(pool)
    .await
}

/// Keeps new keys, except for subjects that have one by now. Sorted by the caller, so that two do not deadlock.
pub(super) async fn insert_keys(
    pool: Timely<'_>,
    tenant: &TenantId,
    (key_ids, subjects, wrapped): (&[Vec<u8>], &[&str], &[Vec<u8>]),
    wrapped_by: &str,
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into subject_keys (key_id, tenant, subject, wrapped, wrapped_by) \
         select k, $1, s, w, $5 from unnest($2::bytea[], $3::text[], $4::bytea[]) as u (k, s, w) \
         on conflict (tenant, subject) where destroyed_at is null do nothing",
    )
    .bind(tenant.as_str())
    .bind(key_ids)
    .bind(subjects)
    .bind(wrapped)
    .bind(wrapped_by)
    .execute(pool)
    .await?;
    Ok(())
}

pub(super) async fn destroy(
    pool: Timely<'_>,
    tenant: &TenantId,
    subject: &str,
) -> sqlx::Result<u64> {
    let done = sqlx::query(
        "update subject_keys set wrapped = null, destroyed_at = clock_timestamp() \
         where tenant = $1 and subject = $2 and destroyed_at is null",
    )
    .bind(tenant.as_str())
    .bind(subject)
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}

/// The tenant's key: the one given, if it is the first.
pub(super) async fn tenant_key(
    pool: Timely<'_>,
    tenant: &TenantId,
    fresh: &[u8],
    wrapped_by: &str,
) -> sqlx::Result<Vec<u8>> {
    let find = "select wrapped from tenant_keys where tenant = $1";
    if let Some(key) = sqlx::query_scalar(find).bind(tenant.as_str()).fetch_optional(pool).await? {
        return Ok(key);
    }
    sqlx::query(
        "insert into tenant_keys (tenant, wrapped, wrapped_by) values ($1, $2, $3) \
         on conflict do nothing",
    )
    .bind(tenant.as_str())
    .bind(fresh)
    .bind(wrapped_by)
    .execute(pool)
    .await?;
    sqlx::query_scalar(find).bind(tenant.as_str()).fetch_one(pool).await
}

/// The secret of that name: the one given, if it is the first.
pub(super) async fn keep_secret(
    pool: Timely<'_>,
    tenant: &TenantId,
    name: &str,
    fresh: &[u8],
    wrapped_by: &str,
) -> sqlx::Result<Vec<u8>> {
    sqlx::query(
        "insert into secrets (tenant, name, sealed, wrapped_by) values ($1, $2, $3, $4) \
         on conflict do nothing",
    )
    .bind(tenant.as_str())
    .bind(name)
    .bind(fresh)
    .bind(wrapped_by)
    .execute(pool)
    .await?;
    sqlx::query_scalar("select sealed from secrets where tenant = $1 and name = $2")
        .bind(tenant.as_str())
        .bind(name)
        .fetch_one(pool)
        .await
}

pub(super) async fn secret(
    pool: Timely<'_>,
    tenant: &TenantId,
    name: &str,
) -> sqlx::Result<Option<Vec<u8>>> {
    sqlx::query_scalar("select sealed from secrets where tenant = $1 and name = $2")
        .bind(tenant.as_str())
        .bind(name)
        .fetch_optional(pool)
        .await
}

pub(super) async fn secrets(
    pool: Timely<'_>,
    tenant: &TenantId,
    names: &[String],
) -> sqlx::Result<Vec<(String, Vec<u8>)>> {
    sqlx::query_as("select name, sealed from secrets where tenant = $1 and name = any($2)")
        .bind(tenant.as_str())
        .bind(names)
        .fetch_all(pool)
        .await
}

/// What a master key wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrapped {
    /// Keys of subjects that were not erased.
    Subjects,
    /// Keys of tenants.
    Tenants,
    /// Secrets of tenants.
    Secrets,
    /// Keys that tokens were signed by.
    Tokens,
}

impl Wrapped {
    pub const ALL: [Self; 4] = [Self::Subjects, Self::Tenants, Self::Secrets, Self::Tokens];
}

/// Something wrapped, whatever it is.
#[derive(FromRow)]
pub(super) struct WrappedRow {
    pub owner: String,
    pub name: String,
    /// A subject's key's name; empty for all else.
    pub key_id: Vec<u8>,
    pub sealed: Vec<u8>,
    pub wrapped_by: Option<String>,
}

/// What another key than `current` wrapped, in the order of owner and name.
pub(super) async fn others(
    pool: Timely<'_>,
    kind: Wrapped,
    current: &str,
    (owner, name): &(String, String),
    limit: i64,
) -> sqlx::Result<Vec<WrappedRow>> {
    let sql = match kind {
        Wrapped::Subjects => {
            "select tenant as owner, subject as name, key_id, wrapped as sealed, wrapped_by \
             from subject_keys where destroyed_at is null and wrapped_by is distinct from $1 \
             and (tenant, subject) > ($2, $3) order by tenant, subject limit $4"
        }
        Wrapped::Tenants => {
            "select tenant as owner, '' as name, ''::bytea as key_id, wrapped as sealed, wrapped_by \
             from tenant_keys where wrapped_by is distinct from $1 \
             and (tenant, '') > ($2, $3) order by tenant limit $4"
        }
        Wrapped::Secrets => {
            "select tenant as owner, name, ''::bytea as key_id, sealed, wrapped_by \
             from secrets where wrapped_by is distinct from $1 \
             and (tenant, name) > ($2, $3) order by tenant, name limit $4"
        }
        Wrapped::Tokens => {
            "select key_id as owner, '' as name, ''::bytea as key_id, wrapped as sealed, wrapped_by \
             from token_keys where wrapped_by is distinct from $1 \
             and (token_keys.key_id, '') > ($2, $3) order by token_keys.key_id limit $4"
        }
    };
    sqlx::query_as(sql).bind(current).bind(owner).bind(name).bind(limit).fetch_all(pool).await
}

/// Puts what is wrapped anew in the place of what was read; what was erased or changed meanwhile is left alone.
pub(super) async fn rewrap(
    pool: Timely<'_>,
    kind: Wrapped,
    current: &str,
    rows: &[WrappedRow],
    fresh: &[Vec<u8>],
) -> sqlx::Result<u64> {
    let sql = match kind {
        Wrapped::Subjects => {
            "update subject_keys k set wrapped = f, wrapped_by = $1 \
             from unnest($2::text[], $3::text[], $4::bytea[], $5::bytea[]) as u (o, n, b, f) \
             where tenant = o and subject = n and destroyed_at is null and wrapped = b"
        }
        Wrapped::Tenants => {
            "update tenant_keys k set wrapped = f, wrapped_by = $1 \
             from unnest($2::text[], $3::text[], $4::bytea[], $5::bytea[]) as u (o, n, b, f) \
             where tenant = o and wrapped = b"
        }
        Wrapped::Secrets => {
            "update secrets k set sealed = f, wrapped_by = $1 \
             from unnest($2::text[], $3::text[], $4::bytea[], $5::bytea[]) as u (o, n, b, f) \
             where tenant = o and name = n and sealed = b"
        }
        Wrapped::Tokens => {
            "update token_keys k set wrapped = f, wrapped_by = $1 \
             from unnest($2::text[], $3::text[], $4::bytea[], $5::bytea[]) as u (o, n, b, f) \
             where key_id = o and wrapped = b"
        }
    };
    let column = |of: fn(&WrappedRow) -> &str| rows.iter().map(of).collect::<Vec<_>>();
    let before: Vec<&[u8]> = rows.iter().map(|row| row.sealed.as_slice()).collect();
    let done = sqlx::query(sql)
        .bind(current)
        .bind(column(|row| &row.owner))
        .bind(column(|row| &row.name))
        .bind(before)
        .bind(fresh)
        .execute(pool)
        .await?;
    Ok(done.rows_affected())
}

/// How much another key than `current` wrapped.
pub(super) async fn left(pool: Timely<'_>, current: &str) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "select (select count(*) from subject_keys \
                 where destroyed_at is null and wrapped_by is distinct from $1) \
              + (select count(*) from tenant_keys where wrapped_by is distinct from $1) \
              + (select count(*) from secrets where wrapped_by is distinct from $1) \
              + (select count(*) from token_keys where wrapped_by is distinct from $1)",
    )
    .bind(current)
    .fetch_one(pool)
    .await
}

pub(super) async fn token_keys(pool: Timely<'_>) -> sqlx::Result<Vec<(String, Vec<u8>)>> {
    sqlx::query_as("select key_id, wrapped from token_keys order by key_id").fetch_all(pool).await
}

/// Keeps what signed tokens under the master key of that name.
pub(super) async fn keep_token_key(
    pool: Timely<'_>,
    id: &str,
    wrapped: &[u8],
    wrapped_by: &str,
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into token_keys (key_id, wrapped, wrapped_by) values ($1, $2, $3) \
         on conflict do nothing",
    )
    .bind(id)
    .bind(wrapped)
    .bind(wrapped_by)
    .execute(pool)
    .await?;
    Ok(())
}

pub(super) async fn forget_token_keys(pool: Timely<'_>) -> sqlx::Result<()> {
    sqlx::query("delete from token_keys").execute(pool).await?;
    Ok(())
}
