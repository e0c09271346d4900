//! The frame of the figures, and how Waybill and Polars by itself render it. Knows no server.

mod frame;
mod polars;

use std::fs::File;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::ValueEnum;
use schema::Format;
use serde::{Deserialize, Serialize};

pub use frame::{columns, write_frame};

/// Whose code renders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Writer {
    /// Waybill's, batch by batch.
    Waybill,
    /// Polars' reader and writer, the whole frame in memory: their usual way.
    Polars,
}

/// What is done with the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Work {
    /// Read to its end and compared with the declaration.
    Check,
    /// Rendered as CSV.
    Csv,
    /// Rendered as a workbook.
    Xlsx,
    /// Rendered as Parquet.
    Parquet,
}

/// What a process says of the work it did.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Done {
    /// How long it took, reading included.
    pub seconds: f64,
    /// The most memory that was resident (VmHWM), in MB.
    pub peak_mb: f64,
}

/// Does it, and says what it took.
///
/// # Errors
/// When the files cannot be read or written, or that writer does not know that work.
pub fn carry_out(writer: Writer, work: Work, from: &Path, into: &Path) -> Result<Done> {
    let began = Instant::now();
    match (writer, format(work)) {
        (Writer::Waybill, None) => {
            render::check(File::open(from)?, Format::Csv, &columns())?;
        }
        (Writer::Waybill, Some(format)) => {
            let dir = into.parent().context("a directory")?;
            let file = File::create(into)?;
            render::render(File::open(from)?, Format::Csv, &columns(), format, &file, dir)?;
        }
        (Writer::Polars, None) => drop(polars::read(from)?),
        (Writer::Polars, Some(format)) => polars::write(from, into, format)?,
    }
    Ok(Done { seconds: began.elapsed().as_secs_f64(), peak_mb: peak_mb()? })
}

const fn format(work: Work) -> Option<Format> {
    match work {
        Work::Check => None,
        Work::Csv => Some(Format::Csv),
        Work::Xlsx => Some(Format::Xlsx),
        Work::Parquet => Some(Format::Parquet),
    }
}

fn peak_mb() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM")?;
    let kb: f64 = peak.trim().trim_end_matches(" kB").parse()?;
    Ok(kb / 1024.0)
}
