use super::IssuedKey;

/// What an operator may ask for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Hand out a key.
    Issue(IssuedKey),
    /// Stop it from working, for good.
    Revoke {
        /// Why.
        reason: String,
    },
}
