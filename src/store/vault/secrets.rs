use std::collections::HashMap;

use schema::TenantId;
use secrecy::{ExposeSecret, SecretString};

use super::cipher::damaged;
use super::{Vault, VaultError, queries};

impl Vault {
    /// Keeps a secret under a name for good, wrapped by the master key, and says which one is kept there: `fresh`, if
    /// it is the first. Two who keep one at the same time get the same.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn keep_secret(
        &self,
        tenant: &TenantId,
        name: &str,
        fresh: &SecretString,
    ) -> Result<SecretString, VaultError> {
        let place = secret_place(tenant.as_str(), name);
        let sealed = self.ring.wrap(&place, fresh.expose_secret().as_bytes())?;
        let by = &self.ring.current().id;
        let kept = queries::keep_secret(self.pool(), tenant, name, &sealed, by).await?;
        self.open(tenant, name, &kept)
    }

    /// A secret by its name.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn secret(
        &self,
        tenant: &TenantId,
        name: &str,
    ) -> Result<Option<SecretString>, VaultError> {
        let Some(sealed) = queries::secret(self.pool(), tenant, name).await? else {
            return Ok(None);
        };
        self.open(tenant, name, &sealed).map(Some)
    }

    fn open(
        &self,
        tenant: &TenantId,
        name: &str,
        sealed: &[u8],
    ) -> Result<SecretString, VaultError> {
        let place = secret_place(tenant.as_str(), name);
        let clear = self.ring.unwrap(&place, sealed)?;
        let text = String::from_utf8(clear).map_err(|_| damaged(&place))?;
        Ok(SecretString::from(text))
    }

    /// Many secrets of a tenant by their names, with one statement. Names that have none are absent.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn secrets(
        &self,
        tenant: &TenantId,
        names: &[String],
    ) -> Result<HashMap<String, SecretString>, VaultError> {
        let found = queries::secrets(self.pool(), tenant, names).await?;
        found
            .into_iter()
            .map(|(name, sealed)| Ok((name.clone(), self.open(tenant, &name, &sealed)?)))
            .collect()
    }
}

/// The place of a tenant's secret.
pub(super) fn secret_place(tenant: &str, name: &str) -> String {
    format!("secret {tenant}/{name}")
}
