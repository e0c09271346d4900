use schema::{RecipientId, TenantId, Timestamp};

use super::Vault;

/// What these tokens are signed for.
const PURPOSE: &str = "preferences";
/// How long a link holds from when its mail had to leave, in milliseconds: 30 days. It lies in a mailbox, and whoever
/// reads there later must not find a key.
pub const PREFERENCE_LINK_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// What a link to a recipient's own page says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreferenceLink {
    /// Of which tenant.
    pub tenant: TenantId,
    /// Whose page.
    pub recipient: RecipientId,
    /// Until when (exclusive).
    pub expires_at: Timestamp,
}

impl Vault {
    /// The token of a link to a recipient's own page: tenant, recipient and end, the last in microseconds since 1970.
    #[must_use]
    pub fn preference_token(
        &self,
        tenant: &TenantId,
        recipient: &RecipientId,
        expires_at: Timestamp,
    ) -> String {
        let ends = expires_at.unix_micros().to_string();
        self.link_token(PURPOSE, &[tenant.as_str(), recipient.as_str(), &ends])
    }

    /// What such a token says, whether or not it has ended; nothing when it is not one of ours.
    #[must_use]
    pub fn read_preference_token(&self, token: &str) -> Option<PreferenceLink> {
        let words = self.read_link_token(PURPOSE, token)?;
        let [tenant, recipient, expires_at] = words.as_slice() else { return None };
        Some(PreferenceLink {
            tenant: tenant.parse().ok()?,
            recipient: recipient.parse().ok()?,
            expires_at: Timestamp::from_unix_micros(expires_at.parse().ok()?),
        })
    }
}
