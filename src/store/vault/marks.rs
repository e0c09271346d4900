use aws_lc_rs::constant_time::verify_slices_are_equal;
use data_encoding::BASE32_NOPAD_NOCASE;
use schema::DeliveryId;
use uuid::Uuid;

use super::Vault;
use super::cipher::{Box32, derive, mac};

/// What returned mails' marks are signed for.
const RETURNS: &str = "mail return";
/// Bytes of the delivery's id.
const ID_BYTES: usize = 16;
/// Bytes of the signature: with the id they fill 40 base32 characters without a bit to spare, so a mark has one
/// spelling, but for its case. Guessing one takes 2^72 mails.
const MAC_BYTES: usize = 9;

impl Vault {
    /// What a delivery's mail is known by when it comes back: 40 characters of base32, lower case, the id and a
    /// signature of it. Fits a local part, and survives mail systems that change its case.
    #[must_use]
    pub fn return_mark(&self, delivery: DeliveryId) -> String {
        let id = delivery.as_uuid().into_bytes();
        let mut bytes = [0; ID_BYTES + MAC_BYTES];
        bytes[..ID_BYTES].copy_from_slice(&id);
        bytes[ID_BYTES..].copy_from_slice(&short_mac(&self.tokens[0], &id));
        BASE32_NOPAD_NOCASE.encode(&bytes).to_ascii_lowercase()
    }

    /// The delivery of a genuine mark; nothing for a forged one. In constant time.
    #[must_use]
    pub fn marked_delivery(&self, mark: &str) -> Option<DeliveryId> {
        let bytes = BASE32_NOPAD_NOCASE.decode(mark.as_bytes()).ok()?;
        let (id, signature) = bytes.split_at_checked(ID_BYTES)?;
        let genuine = |key| verify_slices_are_equal(&short_mac(key, id), signature).is_ok();
        self.tokens.iter().find(|key| genuine(key))?;
        Some(DeliveryId::from_uuid(Uuid::from_bytes(id.try_into().ok()?)))
    }
}

fn short_mac(key: &Box32, id: &[u8]) -> [u8; MAC_BYTES] {
    let mut short = [0; MAC_BYTES];
    short.copy_from_slice(&mac(&derive(key, RETURNS), id).as_ref()[..MAC_BYTES]);
    short
}
