use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};

use super::VaultError;

/// 32 secret bytes. Never printed.
#[derive(Clone)]
pub(super) struct Box32([u8; 32]);

impl Box32 {
    pub fn random() -> Result<Self, VaultError> {
        let mut bytes = [0; 32];
        fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    pub fn try_from_slice(bytes: &[u8], what: &str) -> Result<Self, VaultError> {
        bytes.try_into().map(Self).map_err(|_| damaged(what))
    }

    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

pub(super) fn damaged(what: &str) -> VaultError {
    VaultError::Damaged { what: what.to_owned() }
}

pub(super) fn fill(bytes: &mut [u8]) -> Result<(), VaultError> {
    rand::fill(bytes).map_err(|_| damaged("random bytes"))
}

pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

pub(super) fn parse_master_key(key: &SecretString) -> Result<Box32, VaultError> {
    let text = key.expose_secret().trim();
    let bytes = STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text));
    let bytes = bytes.map_err(|_| VaultError::MasterKeyForm)?;
    bytes.try_into().map(Box32).map_err(|_| VaultError::MasterKeyForm)
}

/// A key for one purpose out of another key: HKDF-SHA-256 (RFC 5869) without salt.
pub(super) fn derive(key: &Box32, purpose: &str) -> Box32 {
    let mut out = [0; 32];
    let secret = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &key.0);
    let filled = secret
        .expand(&[purpose.as_bytes()], hkdf::HKDF_SHA256)
        .and_then(|derived| derived.fill(&mut out));
    // 32 bytes are what one block of the expansion has: it cannot fail.
    debug_assert!(filled.is_ok(), "one block of HKDF");
    Box32(out)
}

/// AES-256-GCM with a random nonce: nonce, ciphertext, tag.
pub(super) fn wrap(key: &Box32, aad: &str, clear: &[u8]) -> Result<Vec<u8>, VaultError> {
    let mut nonce = [0; NONCE_LEN];
    fill(&mut nonce)?;
    let mut sealed = Vec::with_capacity(NONCE_LEN + clear.len() + AES_256_GCM.tag_len());
    sealed.extend_from_slice(&nonce);
    let mut body = clear.to_vec();
    let cipher = cipher(key).ok_or_else(|| damaged("a key"))?;
    cipher
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(aad.as_bytes()),
            &mut body,
        )
        .map_err(|_| damaged("a value"))?;
    sealed.extend_from_slice(&body);
    Ok(sealed)
}

/// Opens what [`wrap`] made; `None` when key, place or bytes are others.
pub(super) fn open(key: &Box32, aad: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, body) = sealed.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut body = body.to_vec();
    let clear = cipher(key)?.open_in_place(nonce, Aad::from(aad.as_bytes()), &mut body).ok()?;
    Some(clear.to_vec())
}

fn cipher(key: &Box32) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, &key.0).ok().map(LessSafeKey::new)
}

/// HMAC-SHA-256.
pub(super) fn mac(key: &Box32, bytes: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key.0), bytes)
}
