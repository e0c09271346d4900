//! A private ledger and vault per test, on a real server.

use std::sync::Arc;

use secrecy::SecretString;

use crate::{Ledger, Vault};

/// A ledger and a vault of one test's own, dropped with it.
pub struct TestLedger {
    /// Connected as the application.
    pub ledger: Arc<Ledger>,
    /// With a master key of the test's own.
    pub vault: Arc<Vault>,
    /// The ledger's database, as its owner.
    pub owner_url: SecretString,
    /// The ledger's database, as the application.
    pub app_url: SecretString,
    /// The vault's database.
    pub vault_url: SecretString,
    /// The ledger's database, as superuser.
    pub admin_url: SecretString,
    /// The vault's master key, base64.
    pub master_key: SecretString,
}

impl TestLedger {
    /// Two new databases, migrated, and connections to them.
    ///
    /// # Panics
    /// When the servers of `.run/env` are not there: `scripts/services up`.
    pub async fn start() -> Self {
        unimplemented!("under construction")
    }
}
