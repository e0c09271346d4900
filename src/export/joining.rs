//! Small files joined into larger ones, sixteen at a time, so that a question opens few. A file is joined twice at
//! most.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use analytics::{Dataset, FileError, merge};
use schema::Position;

use crate::ExportedFile;

/// Files joined at a time.
const FAN_IN: usize = 16;
/// A file of this level is left as it is.
const LAST_LEVEL: i16 = 2;

/// Where a file of a table, a day and a tenant lies, below the export's folder: Hive's partitions.
pub(crate) fn path_of(
    dataset: Dataset,
    date: &str,
    tenant: &str,
    after: Position,
    through: Position,
) -> String {
    let (after, through) = (after.0, through.0);
    format!("{dataset}/date={date}/tenant={tenant}/{after:016}-{through:016}.parquet")
}

/// Joins whatever is due among `live`; returns the new files and the paths of those they replace.
pub(crate) fn join_due(
    folder: &Path,
    live: &mut Vec<ExportedFile>,
) -> Result<(Vec<ExportedFile>, Vec<String>), FileError> {
    let (mut joined, mut replaced) = (Vec::new(), Vec::new());
    while let Some(parts) = due(live) {
        let whole = join(folder, &parts)?;
        live.retain(|file| parts.iter().all(|part| part.path != file.path));
        // One that was made a moment ago and is joined again was never in the manifest.
        joined.retain(|file: &ExportedFile| parts.iter().all(|part| part.path != file.path));
        replaced.extend(parts.into_iter().map(|part| part.path));
        live.push(whole.clone());
        joined.push(whole);
    }
    Ok((joined, replaced))
}

/// The first files of one table, day, tenant and level that are enough to be joined.
fn due(live: &[ExportedFile]) -> Option<Vec<ExportedFile>> {
    let mut groups: BTreeMap<(Dataset, &str, &str, i16), Vec<&ExportedFile>> = BTreeMap::new();
    for file in live.iter().filter(|file| file.level < LAST_LEVEL) {
        let key = (file.dataset, file.date.as_str(), file.tenant.as_str(), file.level);
        groups.entry(key).or_default().push(file);
    }
    let mut full = groups.into_values().find(|files| files.len() >= FAN_IN)?;
    full.sort_by_key(|file| file.after);
    Some(full.into_iter().take(FAN_IN).cloned().collect())
}

fn join(folder: &Path, parts: &[ExportedFile]) -> Result<ExportedFile, FileError> {
    let after = parts.iter().map(|part| part.after).min().unwrap_or_default();
    let through = parts.iter().map(|part| part.through).max().unwrap_or_default();
    let (dataset, date, tenant) =
        (parts[0].dataset, parts[0].date.clone(), parts[0].tenant.clone());
    let path = path_of(dataset, &date, &tenant, after, through);
    let paths: Vec<PathBuf> = parts.iter().map(|part| folder.join(&part.path)).collect();
    let written = merge(&paths, &folder.join(&path))?;
    let level = parts[0].level + 1;
    Ok(ExportedFile { path, dataset, date, tenant, after, through, level, written })
}
