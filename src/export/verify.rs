use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use analytics::{Dataset, row_count};
use schema::{Position, Sha256};
use serde::Serialize;
use sha2::{Digest, Sha256 as Hasher};
use store::Ledger;
use tokio::task::spawn_blocking;

use crate::{ExportConfig, ExportError, ExportedFile, Folding, Manifest};

/// Events read at a time.
const WINDOW: u32 = 20_000;
/// Positions whose events are counted at a time.
const COUNTED: i64 = 500_000;

/// A file that is not as the manifest says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileFinding {
    /// Which.
    pub path: String,
    /// What is wrong.
    pub problem: String,
}

/// What comparing manifest, files and log found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Up to which position the log is exported.
    pub through: Position,
    /// Files looked at.
    pub files: usize,
    /// Their bytes in all.
    pub bytes: u64,
    /// Events in them.
    pub events: u64,
    /// Events in the log up to there.
    pub logged: u64,
    /// Files that are not as the manifest says.
    pub findings: Vec<FileFinding>,
}

impl Verification {
    /// Whether all is as it should be.
    #[must_use]
    pub const fn is_exact(&self) -> bool {
        self.findings.is_empty() && self.events == self.logged
    }
}

/// Reads every file of the manifest and compares its bytes and rows with it, and the events in all with the log.
///
/// # Errors
/// [`ExportError::Manifest`], [`ExportError::Ledger`].
pub async fn verify(ledger: &Ledger, config: &ExportConfig) -> Result<Verification, ExportError> {
    let exported = Manifest::new(ledger.pool().clone()).read(None).await?;
    let (folder, through) = (config.folder.clone(), exported.through);
    let reading = spawn_blocking(move || {
        let mut found = Verification { through, ..Verification::default() };
        for file in &exported.files {
            found.files += 1;
            found.bytes += file.written.bytes;
            if file.dataset == Dataset::Events {
                found.events += file.written.rows;
            }
            if let Some(problem) = problem_of(&folder, file) {
                found.findings.push(FileFinding { path: file.path.clone(), problem });
            }
        }
        found
    });
    let mut found = reading.await.map_err(|_| ExportError::CalledOff)?;
    let mut after = Position::START;
    while after < through {
        let to = Position(through.0.min(after.0 + COUNTED));
        found.logged += ledger.count_between(after, to).await?;
        after = to;
    }
    Ok(found)
}

fn problem_of(folder: &Path, file: &ExportedFile) -> Option<String> {
    let path = folder.join(&file.path);
    let (bytes, digest) = match digest_of(&path) {
        Ok(found) => found,
        Err(error) => return Some(error.to_string()),
    };
    if bytes != file.written.bytes {
        return Some(format!("{bytes} bytes, the manifest says {}", file.written.bytes));
    }
    if digest != file.written.sha256 {
        return Some(format!("SHA-256 {digest}, the manifest says {}", file.written.sha256));
    }
    match row_count(&path) {
        Ok(rows) if rows == file.written.rows => None,
        Ok(rows) => Some(format!("{rows} rows, the manifest says {}", file.written.rows)),
        Err(error) => Some(error.to_string()),
    }
}

fn digest_of(path: &Path) -> io::Result<(u64, Sha256)> {
    let mut hasher = Hasher::new();
    let bytes = io::copy(&mut File::open(path)?, &mut hasher)?;
    let digest: [u8; 32] = hasher.finalize().into();
    Ok((bytes, Sha256::from_bytes(digest)))
}

/// Writes every file that is not as the manifest says anew from the log; returns their paths.
///
/// # Errors
/// As [`verify`], and [`ExportError::File`].
pub async fn mend(ledger: &Arc<Ledger>, config: &ExportConfig) -> Result<Vec<String>, ExportError> {
    let manifest = Manifest::new(ledger.pool().clone());
    let exported = manifest.read(None).await?;
    let findings = verify(ledger, config).await?.findings;
    let damaged: BTreeSet<String> = findings.into_iter().map(|finding| finding.path).collect();
    let mut mended = Vec::new();
    for file in exported.files.iter().filter(|file| damaged.contains(&file.path)) {
        let written = write_anew(ledger, config, file).await?;
        if let Some(written) = written {
            manifest.mended(&file.path, &written).await?;
            mended.push(file.path.clone());
        }
    }
    Ok(mended)
}

async fn write_anew(
    ledger: &Arc<Ledger>,
    config: &ExportConfig,
    file: &ExportedFile,
) -> Result<Option<analytics::Written>, ExportError> {
    let mut folding = Folding::new(ledger);
    let mut block = analytics::Block::default();
    let mut after = file.after;
    loop {
        let rows = ledger.read(after, file.through, WINDOW, None).await?;
        let Some(last) = rows.last() else { break };
        after = last.position;
        folding.fold_into(&mut block, &rows).await?;
    }
    let wanted = (file.dataset, file.date.clone(), file.tenant.clone());
    let path = config.folder.join(&file.path);
    let writing = spawn_blocking(move || {
        let found = block
            .drafts()
            .find(|draft| (draft.dataset, draft.date.clone(), draft.tenant.clone()) == wanted);
        found.map(|draft| draft.write(&path)).transpose()
    });
    Ok(writing.await.map_err(|_| ExportError::CalledOff)??)
}
