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

/// Whether the proof is the vault's; the first one is.
pub(super) async fn check(pool: Timely<'_>, proof: &[u8]) -> sqlx::Result<bool> {
    sqlx::query("insert into vault_check (proof) values ($1) on conflict do nothing")
        .bind(proof)
        .execute(pool)
        .await?;
    sqlx::query_scalar("select proof = $1 from vault_check").bind(proof).fetch_one(pool).await
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
    key_ids: &[Vec<u8>],
    subjects: &[&str],
    wrapped: &[Vec<u8>],
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into subject_keys (key_id, tenant, subject, wrapped) \
         select k, $1, s, w from unnest($2::bytea[], $3::text[], $4::bytea[]) as u (k, s, w) \
         on conflict (tenant, subject) where destroyed_at is null do nothing",
    )
    .bind(tenant.as_str())
    .bind(key_ids)
    .bind(subjects)
    .bind(wrapped)
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
) -> sqlx::Result<Vec<u8>> {
    let find = "select wrapped from tenant_keys where tenant = $1";
    if let Some(key) = sqlx::query_scalar(find).bind(tenant.as_str()).fetch_optional(pool).await? {
        return Ok(key);
    }
    sqlx::query("insert into tenant_keys (tenant, wrapped) values ($1, $2) on conflict do nothing")
        .bind(tenant.as_str())
        .bind(fresh)
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
) -> sqlx::Result<Vec<u8>> {
    sqlx::query(
        "insert into secrets (tenant, name, sealed) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(tenant.as_str())
    .bind(name)
    .bind(fresh)
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
