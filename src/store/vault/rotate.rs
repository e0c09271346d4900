//! From one master key to the next: all that the vault holds is wrapped anew, while it is used. Each row says which key
//! wrapped it, so whoever begins again goes on where it was.

use super::queries::{self, Wrapped, WrappedRow};
use super::seal::wrapping_place;
use super::secrets::secret_place;
use super::{Vault, VaultError, tenant_place};

/// Rows that are wrapped anew with one statement.
const BATCH: i64 = 500;
/// Rows may come in under an earlier key meanwhile; after so many rounds somebody must be told.
const MAX_ROUNDS: u32 = 100;

/// What tokens of earlier master keys may do after a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EarlierTokens {
    /// API keys, links and marks stay good for good.
    Kept,
    /// They are good for no longer than the earlier key is configured.
    Forgotten,
}

/// Where a rotation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotationState {
    /// The public name of the key that wraps.
    pub current: String,
    /// Earlier keys that are configured.
    pub previous_count: usize,
    /// Rows that another key wrapped.
    pub left: u64,
    /// Whether the vault is known by the key that wraps.
    pub is_proven: bool,
}

impl RotationState {
    /// Whether nothing needs an earlier key any more.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        self.left == 0 && self.is_proven
    }
}

impl Vault {
    /// Where the rotation to the configured master key stands.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn rotation(&self) -> Result<RotationState, VaultError> {
        let current = self.ring.current();
        let left = queries::left(self.pool(), &current.id).await?;
        let proof = queries::proof(self.pool()).await?;
        Ok(RotationState {
            current: current.id.clone(),
            previous_count: self.ring.previous().len(),
            left: u64::try_from(left).unwrap_or_default(),
            is_proven: proof == current.proof.bytes(),
        })
    }

    /// Wraps everything by the configured master key, batch by batch; `told` hears how many rows were done so far. May
    /// be ended at any moment and begun again. Nodes that have both keys go on meanwhile.
    ///
    /// # Errors
    /// [`VaultError::ForeignKey`] when a row was wrapped by a key that is not configured: then the vault is still known
    /// by the key before. [`VaultError::Unfinished`], [`VaultError::Unavailable`].
    pub async fn rotate_master(
        &self,
        earlier: EarlierTokens,
        mut told: impl FnMut(u64) + Send,
    ) -> Result<u64, VaultError> {
        let mut done = 0;
        for _ in 0..MAX_ROUNDS {
            self.token_keys(earlier).await?;
            for kind in Wrapped::ALL {
                self.rewrap(kind, &mut done, &mut told).await?;
            }
            let current = self.ring.current();
            if queries::left(self.pool(), &current.id).await? == 0 {
                queries::prove(self.pool(), current.proof.bytes()).await?;
                return Ok(done);
            }
        }
        Err(VaultError::Unfinished)
    }

    /// What signed tokens before is kept, or forgotten.
    async fn token_keys(&self, earlier: EarlierTokens) -> Result<(), VaultError> {
        if earlier == EarlierTokens::Forgotten {
            return Ok(queries::forget_token_keys(self.pool()).await?);
        }
        let current = &self.ring.current().id;
        for master in self.ring.previous() {
            let wrapped = self.ring.wrap(&token_place(&master.id), master.tokens.bytes())?;
            queries::keep_token_key(self.pool(), &master.id, &wrapped, current).await?;
        }
        Ok(())
    }

    async fn rewrap(
        &self,
        kind: Wrapped,
        done: &mut u64,
        told: &mut (impl FnMut(u64) + Send),
    ) -> Result<(), VaultError> {
        let current = &self.ring.current().id;
        let mut after = (String::new(), String::new());
        loop {
            let rows = queries::others(self.pool(), kind, current, &after, BATCH).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = (last.owner.clone(), last.name.clone());
            let mut fresh = Vec::with_capacity(rows.len());
            for row in &rows {
                fresh.push(self.anew(kind, row)?);
            }
            *done += queries::rewrap(self.pool(), kind, current, &rows, &fresh).await?;
            told(*done);
        }
    }

    fn anew(&self, kind: Wrapped, row: &WrappedRow) -> Result<Vec<u8>, VaultError> {
        let WrappedRow { owner, name, .. } = row;
        let place = match kind {
            Wrapped::Subjects => wrapping_place(owner, name, &row.key_id),
            Wrapped::Tenants => tenant_place(owner),
            Wrapped::Secrets => secret_place(owner, name),
            Wrapped::Tokens => token_place(owner),
        };
        let clear = self.ring.unwrap(&place, &row.sealed).map_err(|_| VaultError::ForeignKey {
            what: place.clone(),
            wrapped_by: row.wrapped_by.clone(),
        })?;
        self.ring.wrap(&place, &clear)
    }
}

/// The place of a key that signed tokens under the master key of this name.
pub(super) fn token_place(id: &str) -> String {
    format!("token key {id}")
}
