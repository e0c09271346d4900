use std::fs::File;

use polars::prelude::DataFrame;
use schema::{ColumnSpec, Format, Invalid};
use serde::{Deserialize, Serialize};

use crate::CheckError;
use crate::limits::MAX_ROWS;
use crate::read::Batches;

/// What is known of a frame that was read to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Its rows, the header not counted.
    pub rows: u64,
    /// Its columns.
    pub columns: Vec<ColumnSpec>,
    /// The longest text in it, in UTF-16 code units.
    pub longest_text: u64,
}

/// Reads a frame to its end and compares it with the columns declared; none: with nothing. Blocks, and holds one batch
/// in memory.
///
/// # Errors
/// [`CheckError`]: the first fault there is, with the place in the file, the value and the rule.
pub fn check(file: File, format: Format, declared: &[ColumnSpec]) -> Result<Facts, CheckError> {
    let mut batches = Batches::open(file, format, declared)?;
    let mut facts = Facts { rows: 0, columns: batches.columns().to_vec(), longest_text: 0 };
    while let Some(batch) = batches.next()? {
        facts.rows += batch.height() as u64;
        if facts.rows > MAX_ROWS {
            let rule = format!("must be at most {MAX_ROWS} in number");
            return Err(Invalid::new("rows", &format!("more than {MAX_ROWS}"), rule).into());
        }
        facts.longest_text = facts.longest_text.max(longest_text(&batch));
    }
    Ok(facts)
}

fn longest_text(batch: &DataFrame) -> u64 {
    let texts = batch.columns().iter().filter_map(|column| column.str().ok());
    let lengths = texts.flat_map(|texts| texts.iter().flatten().map(utf16_length).max());
    lengths.max().unwrap_or_default() as u64
}

/// Code units of UTF-16. What is ASCII, as nearly all is, needs no look at its characters.
fn utf16_length(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}
