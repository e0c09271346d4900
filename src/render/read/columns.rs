use std::collections::BTreeSet;

use schema::{ColumnSpec, Frame, Invalid, checked_line};

use crate::limits::MAX_COLUMN_NAME_BYTES;

/// Names that a file's header has are a frame's: few enough, lines of text, none twice.
pub(super) fn well_formed(place: &str, names: &[&str]) -> Result<(), Invalid> {
    if names.is_empty() || names.len() > Frame::MAX_COLUMNS {
        let rule = format!("must be 1 to {} columns", Frame::MAX_COLUMNS);
        return Err(Invalid::new(place, &names.len().to_string(), rule));
    }
    let mut seen = BTreeSet::new();
    for (at, name) in names.iter().enumerate() {
        let field = format!("{place}, column {}", at + 1);
        checked_line(&field, name, MAX_COLUMN_NAME_BYTES)?;
        if !seen.insert(name) {
            return Err(Invalid::new(field, name, "must not be the name of another column"));
        }
    }
    Ok(())
}

/// The header is the declaration's, name by name.
pub(super) fn as_declared(
    place: &str,
    names: &[&str],
    declared: &[ColumnSpec],
) -> Result<(), Invalid> {
    for (at, spec) in declared.iter().enumerate() {
        let found = names.get(at).copied();
        if found != Some(spec.name.as_str()) {
            let rule = format!("must be {:?}, the declared column", spec.name);
            let field = format!("{place}, column {}", at + 1);
            return Err(Invalid::new(field, found.unwrap_or_default(), rule));
        }
    }
    match names.get(declared.len()) {
        Some(extra) => {
            let field = format!("{place}, column {}", declared.len() + 1);
            let rule = format!("must not be there: {} columns are declared", declared.len());
            Err(Invalid::new(field, extra, rule))
        }
        None => Ok(()),
    }
}
