use schema::Invalid;

/// Why an operator is told no.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// A text breaks a rule of form.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A key that may do nothing is a mistake.
    #[error("the key has no scope; name one at least")]
    NoScopes,
    /// One id, one key.
    #[error("the key {title:?} was already issued under this id")]
    AlreadyIssued {
        /// What that key is for.
        title: String,
    },
    /// There is nothing to revoke.
    #[error("no key was issued under this id")]
    NotIssued,
    /// A revoked key stays revoked.
    #[error("the key was revoked; issue one under another id")]
    Revoked,
}
