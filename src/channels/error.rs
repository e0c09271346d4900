use schema::Invalid;

/// Why a channel could not be set up. Told to the operator at start; nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A value of the configuration breaks its rule.
    #[error(transparent)]
    Config(#[from] Invalid),
    /// A template does not compile, names an unknown variable or does not end.
    #[error("template {file} line {line}: {reason}")]
    Template {
        /// The template's file name.
        file: String,
        /// Its line, from 1; 0 when the whole file is meant.
        line: usize,
        /// What is wrong, naming the variable where there is one.
        reason: String,
    },
    /// A file that the configuration names cannot be read.
    #[error("{key}: cannot read {path}: {reason}")]
    File {
        /// The configuration key.
        key: &'static str,
        /// The path as configured.
        path: String,
        /// The operating system's or parser's words.
        reason: String,
    },
    /// TLS or the HTTP client cannot be prepared.
    #[error("{key}: {reason}")]
    Tls {
        /// The configuration key.
        key: &'static str,
        /// What is wrong.
        reason: String,
    },
}
