use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the process that holds DuckDB is asked: one request on its standard input, one [`Reply`] on its output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The files of each table: the only ones that can be read.
    pub tables: BTreeMap<String, Vec<PathBuf>>,
    /// One select statement.
    pub sql: String,
    /// What stands for `$1`, `$2`, ….
    pub values: Vec<Value>,
    /// How far it may go.
    pub limits: Limits,
    /// Where to write the answer to, instead of saying it.
    pub target: Option<Target>,
}

/// How far an answer may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Memory of DuckDB, in MiB.
    pub memory_mb: u32,
    /// Threads it computes with.
    pub threads: u32,
    /// Rows that are said; more are cut off.
    pub rows: u32,
}

/// A file for the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// What kind.
    pub format: Format,
    /// Where.
    pub path: PathBuf,
}

/// Kinds of files that an answer can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// RFC 4180, with a header.
    Csv,
    /// A workbook of one sheet.
    Xlsx,
    /// Parquet.
    Parquet,
}

/// A column of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnOf {
    /// Its name.
    pub name: String,
    /// Its type, as DuckDB calls it.
    pub kind: String,
}

/// What the process answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Rows.
    Rows {
        /// Which columns they have.
        columns: Vec<ColumnOf>,
        /// One object each, in order.
        rows: Vec<Value>,
        /// Whether there are more than were asked for.
        is_cut: bool,
    },
    /// The answer is in its file.
    Written {
        /// Rows in it.
        rows: u64,
    },
    /// It is not answered: the statement is none that may be asked, or none at all.
    Refused {
        /// Why.
        reason: String,
    },
    /// It could not be answered: a file is damaged or gone, the memory does not suffice.
    Failed {
        /// Why.
        reason: String,
    },
}
