use schema::Invalid;

/// Why a publisher is told no.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// A value breaks a rule of form.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The report is unknown.
    #[error("the report is not registered; register it first")]
    NotRegistered,
    /// It is known, and otherwise.
    #[error("the report is already registered, as {title:?}; change it instead")]
    AlreadyRegistered {
        /// Its title.
        title: String,
    },
    /// A retired report stays retired.
    #[error("the report was retired; register one under another name")]
    Retired,
}
