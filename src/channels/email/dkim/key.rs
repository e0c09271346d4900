use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use crate::SetupError;

/// A private key of either kind.
pub enum PrivateKey {
    Ed25519(Box<Ed25519KeyPair>),
    Rsa(Box<RsaKeyPair>),
}

impl PrivateKey {
    pub fn try_load(path: &Path) -> Result<Self, SetupError> {
        let fault = |reason: String| SetupError::File {
            key: "mail.dkim.key_file",
            path: path.display().to_string(),
            reason,
        };
        let pem = PrivateKeyDer::from_pem_file(path).map_err(|error| fault(error.to_string()))?;
        let neither =
            || fault("must hold an ed25519 key, or an RSA key of 2048 to 8192 bits".to_owned());
        let rsa = |pair: Result<RsaKeyPair, _>| {
            pair.map(|pair| Self::Rsa(Box::new(pair)))
                .map_err(|_: aws_lc_rs::error::KeyRejected| neither())
        };
        match &pem {
            PrivateKeyDer::Pkcs1(der) => rsa(RsaKeyPair::from_der(der.secret_pkcs1_der())),
            PrivateKeyDer::Pkcs8(der) => {
                let der = der.secret_pkcs8_der();
                // OpenSSL writes them without the public half, which is made of the private one.
                match Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
                    Ok(pair) => Ok(Self::Ed25519(Box::new(pair))),
                    Err(_) => rsa(RsaKeyPair::from_pkcs8(der)),
                }
            }
            _ => Err(neither()),
        }
    }

    /// The algorithm's name in a signature.
    pub const fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "ed25519-sha256",
            Self::Rsa(_) => "rsa-sha256",
        }
    }

    /// Nothing, when the key does not sign: one that could be loaded does.
    pub fn sign(&self, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            // RFC 8463 §3: it is the hash that is signed.
            Self::Ed25519(pair) => {
                Some(pair.sign(digest(&SHA256, text).as_ref()).as_ref().to_vec())
            }
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature).ok()?;
                Some(signature)
            }
        }
    }
}
