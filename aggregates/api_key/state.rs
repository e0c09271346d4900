use std::collections::BTreeSet;

use schema::Timestamp;
use schema::events::{KeyLimits, Scope};
use serde::{Deserialize, Serialize};

use super::Event;

/// A key as it was handed out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IssuedKey {
    /// What it is for.
    pub title: String,
    /// Keyed hash of its secret, hexadecimal.
    pub secret_hash: String,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// When it stops working (exclusive); never, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// To whom and to what its subscriptions are limited.
    #[serde(default, skip_serializing_if = "KeyLimits::is_empty")]
    pub limits: KeyLimits,
}

/// Where a key stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiKey {
    /// Never issued.
    #[default]
    Unknown,
    /// Handed out.
    Issued(IssuedKey),
    /// Stopped from working.
    Revoked,
}

impl ApiKey {
    /// The key, if it works at `now`.
    #[must_use]
    pub fn valid(&self, now: Timestamp) -> Option<&IssuedKey> {
        match self {
            Self::Issued(key) if key.expires_at.is_none_or(|end| now < end) => Some(key),
            Self::Unknown | Self::Issued(_) | Self::Revoked => None,
        }
    }

    pub(super) fn evolve(&mut self, event: &Event) {
        *self = match event {
            Event::ApiKeyIssued { title, secret_hash, scopes, expires_at, limits } => {
                Self::Issued(IssuedKey {
                    title: title.clone(),
                    secret_hash: secret_hash.clone(),
                    scopes: scopes.clone(),
                    expires_at: *expires_at,
                    limits: limits.clone(),
                })
            }
            Event::ApiKeyRevoked { .. } => Self::Revoked,
        };
    }
}
