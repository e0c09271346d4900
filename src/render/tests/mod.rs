//! Frames in and files out, with software that is not ours as the judge where a format is opened.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod bad_csv;
mod once;
mod parquet;
mod round_trip;
mod workbook;

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::Path;

use schema::{ColumnSpec, ColumnType, Format};

use crate::{CheckError, Facts, RenderError, check, render};

fn column(name: &str, kind: ColumnType) -> ColumnSpec {
    ColumnSpec { name: name.to_owned(), kind, nullable: true }
}

/// One column of each type.
fn every_kind() -> Vec<ColumnSpec> {
    ColumnType::ALL.into_iter().map(|kind| column(kind.as_str(), kind)).collect()
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

fn checked(bytes: &[u8], format: Format, columns: &[ColumnSpec]) -> Result<Facts, CheckError> {
    check(file(bytes), format, columns)
}

/// What is wrong with a CSV file, as a person reads it.
fn wrong(bytes: impl AsRef<[u8]>, columns: &[ColumnSpec]) -> String {
    checked(bytes.as_ref(), Format::Csv, columns).unwrap_err().to_string()
}

fn rendered(
    bytes: &[u8],
    source: Format,
    columns: &[ColumnSpec],
    format: Format,
) -> Result<Vec<u8>, RenderError> {
    let dir = tempfile::tempdir().unwrap();
    let mut into = tempfile::tempfile().unwrap();
    render(file(bytes), source, columns, format, &into, dir.path())?;
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "temporary files stay behind");
    let mut written = Vec::new();
    into.rewind().unwrap();
    into.read_to_end(&mut written).unwrap();
    Ok(written)
}

/// Runs a Python program of the tests' own interpreter over a file; what it prints is JSON.
fn python(program: &str, path: &Path) -> serde_json::Value {
    let interpreter =
        option_env!("VENV").map_or("python3".to_owned(), |venv| format!("{venv}/bin/python"));
    let ran =
        std::process::Command::new(interpreter).args(["-c", program]).arg(path).output().unwrap();
    let failed = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success(), "{failed}");
    serde_json::from_slice(&ran.stdout).unwrap()
}
