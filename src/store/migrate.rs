use secrecy::{ExposeSecret, SecretString};
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnection;
use sqlx::{ConnectOptions, Connection};

use crate::StoreError;
use crate::connect::options;

/// The role the application connects as; migrations grant it what it may do.
pub const APP_ROLE: &str = "waybill_app";

static LEDGER: Migrator = sqlx::migrate!("../../migrations");
static VAULT: Migrator = sqlx::migrate!("../../migrations/vault");

/// Brings both databases forward to what this program needs; never back. The ledger's as its owner, the vault's as
/// whoever its URL names.
///
/// # Errors
/// [`StoreError::RoleMissing`] when nobody created the application's role; [`StoreError::Migration`] when a migration
/// fails or was changed after it ran; [`StoreError::Unavailable`].
pub async fn migrate(owner_url: &SecretString, vault_url: &SecretString) -> Result<(), StoreError> {
    let mut ledger = connect(owner_url).await?;
    let found: bool = sqlx::query_scalar("select exists(select from pg_roles where rolname = $1)")
        .bind(APP_ROLE)
        .fetch_one(&mut ledger)
        .await?;
    if !found {
        return Err(StoreError::RoleMissing { role: APP_ROLE });
    }
    LEDGER.run_direct(&mut ledger).await.map_err(StoreError::Migration)?;
    ledger.close().await?;
    let mut vault = connect(vault_url).await?;
    VAULT.run_direct(&mut vault).await.map_err(StoreError::Migration)?;
    vault.close().await?;
    Ok(())
}

async fn connect(url: &SecretString) -> Result<PgConnection, StoreError> {
    Ok(options(url.expose_secret(), "waybill-migrate")?.connect().await?)
}

/// A digest of all migrations, by which tests find a database that has them.
#[cfg(feature = "testing")]
pub(crate) fn digest() -> schema::Sha256 {
    let sums: Vec<u8> = LEDGER
        .iter()
        .chain(VAULT.iter())
        .flat_map(|migration| migration.checksum.iter().copied())
        .collect();
    schema::Sha256::of(&sums)
}
