//! YAML that people write, of which JSON is a part.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;

/// Longest file that is read, in bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Reads a file.
pub fn read<T: DeserializeOwned>(file: &Path) -> Result<T> {
    let size = std::fs::metadata(file).with_context(|| file.display().to_string())?.len();
    if size > MAX_BYTES {
        bail!("{}: has {size} bytes, at most {MAX_BYTES} are read", file.display());
    }
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    parse(&text, file)
}

/// Reads a text; what is wrong is told by line and column. Aliases are refused: a few lines of them would be a billion
/// values.
pub fn parse<T: DeserializeOwned>(text: &str, file: &Path) -> Result<T> {
    let options = serde_saphyr::options! {
        with_snippet: false,
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 0,
            max_alias_expansions_per_anchor: 0,
        },
    };
    match serde_saphyr::from_str_with_options(text, options) {
        Ok(value) => Ok(value),
        Err(error) => {
            let at = error.location().map(|at| format!("{}:{}", at.line(), at.column()));
            bail!("{}:{}: {error}", file.display(), at.unwrap_or_default());
        }
    }
}
