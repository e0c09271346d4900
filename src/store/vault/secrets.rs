use std::collections::HashMap;

use schema::TenantId;
use secrecy::{ExposeSecret, SecretString};

use super::cipher::{damaged, unwrap, wrap};
use super::{Vault, VaultError, queries};

impl Vault {
    /// Keeps a secret, wrapped by the master key, in place of an earlier one of that name.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn put_secret(
        &self,
        tenant: &TenantId,
        name: &str,
        secret: &SecretString,
    ) -> Result<(), VaultError> {
        let sealed = wrap(&self.wrapping, &place(tenant, name), secret.expose_secret().as_bytes())?;
        Ok(queries::put_secret(self.pool(), tenant, name, &sealed).await?)
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
        let clear = unwrap(&self.wrapping, &place(tenant, name), sealed)?;
        let text = String::from_utf8(clear).map_err(|_| damaged(&place(tenant, name)))?;
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

    /// Forgets a secret; `false` when there was none.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn delete_secret(&self, tenant: &TenantId, name: &str) -> Result<bool, VaultError> {
        Ok(queries::delete_secret(self.pool(), tenant, name).await?)
    }
}

fn place(tenant: &TenantId, name: &str) -> String {
    format!("secret {tenant}/{name}")
}
