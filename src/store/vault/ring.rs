use secrecy::SecretString;

use super::cipher::{Box32, damaged, derive, encode, open, parse_master_key, wrap};
use super::{VaultConfig, VaultError};

/// A master key, as what it is used for.
pub(super) struct Master {
    /// Its public name: tells one from another, and nothing of either.
    pub id: String,
    /// What is kept in the vault to know it by.
    pub proof: Box32,
    /// What signs tokens.
    pub tokens: Box32,
    wrapping: Box32,
}

impl Master {
    fn try_new(key: &SecretString) -> Result<Self, VaultError> {
        let key = parse_master_key(key)?;
        Ok(Self {
            id: encode(&derive(&key, "waybill vault name").bytes()[..9]),
            proof: derive(&key, "waybill vault check"),
            tokens: derive(&key, "waybill tokens"),
            wrapping: derive(&key, "waybill vault wrapping"),
        })
    }
}

/// The master keys that are configured. The first one wraps; each one opens what it wrapped.
pub(super) struct Ring {
    masters: Vec<Master>,
}

impl Ring {
    pub fn try_new(config: &VaultConfig) -> Result<Self, VaultError> {
        let mut masters = vec![Master::try_new(&config.master_key)?];
        for key in &config.previous_master_keys {
            let master = Master::try_new(key).map_err(|_| VaultError::PreviousKeyForm)?;
            if masters.iter().any(|known| known.id == master.id) {
                return Err(VaultError::PreviousKeyRepeated);
            }
            masters.push(master);
        }
        Ok(Self { masters })
    }

    /// The one that wraps.
    pub fn current(&self) -> &Master {
        &self.masters[0]
    }

    /// Those that only open.
    pub fn previous(&self) -> &[Master] {
        &self.masters[1..]
    }

    /// The one that has this proof.
    pub fn proven_by(&self, proof: &[u8]) -> Option<&Master> {
        self.masters.iter().find(|master| master.proof.bytes() == proof)
    }

    pub fn wrap(&self, aad: &str, clear: &[u8]) -> Result<Vec<u8>, VaultError> {
        wrap(&self.current().wrapping, aad, clear)
    }

    /// Whichever wrapped it opens it: a wrong one is known by the tag of the cipher.
    pub fn unwrap(&self, aad: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        let opened = self.masters.iter().find_map(|master| open(&master.wrapping, aad, sealed));
        opened.ok_or_else(|| damaged(aad))
    }
}
