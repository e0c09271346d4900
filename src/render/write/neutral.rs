use std::borrow::Cow;

use polars::prelude::{ChunkApply, Column, IntoColumn, PolarsResult, StringChunked};

/// What a spreadsheet may take for the beginning of a formula (OWASP, CSV Injection), the full-width forms included.
const SUSPECT: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// A text that no spreadsheet takes for a formula when it opens a CSV file: one that begins like one gets an apostrophe
/// before it. Only texts are changed, never numbers: `-5` in a column of numbers stays what it is.
pub(super) fn neutral(text: &str) -> Cow<'_, str> {
    if text.starts_with(SUSPECT) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// The same of a whole column; one of another type comes back as it is.
pub(super) fn neutral_column(column: &Column) -> PolarsResult<Column> {
    let Ok(texts) = column.str() else { return Ok(column.clone()) };
    if !texts.iter().flatten().any(|text| text.starts_with(SUSPECT)) {
        return Ok(column.clone());
    }
    let changed: StringChunked = texts.apply_values(neutral);
    Ok(changed.into_column())
}

#[cfg(test)]
mod tests {
    use super::neutral;

    #[test]
    fn what_begins_like_a_formula_gets_an_apostrophe_and_nothing_else_does() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"] {
            assert_eq!(neutral(text), format!("'{text}"));
        }
        for text in ["", "a=b", " =1", "1-1", "'=1", "é"] {
            assert_eq!(neutral(text), text);
        }
    }
}
