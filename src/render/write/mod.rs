//! From typed batches to a file: CSV, XLSX or Parquet. No clock, no name of a machine, no chance: the same frame is the
//! same bytes.

mod bounded;
mod csv;
mod neutral;
mod parquet;
mod xlsx;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use schema::{ColumnSpec, Format};

use crate::RenderError;
use crate::limits::MAX_RENDERED_BYTES;
use crate::read::Batches;
use bounded::Bounded;

/// Which renderer this is. Whoever changes a byte of what it writes gives it another number: what was rendered before
/// is then rendered anew, and not taken for the same.
pub const RENDERER: u32 = 1;

/// Renders the frame in `from`, a file of the format `source`, to `format`. `columns` are those it was taken with.
/// Temporary files lie in `dir`. Blocks, and holds one batch in memory.
///
/// # Errors
/// [`RenderError`]; what was written by then is of no use.
pub fn render(
    from: File,
    source: Format,
    columns: &[ColumnSpec],
    format: Format,
    into: &File,
    dir: &Path,
) -> Result<(), RenderError> {
    let batches = Batches::open(from, source, columns)?;
    let mut out = BufWriter::with_capacity(1024 * 1024, Bounded::new(into, MAX_RENDERED_BYTES));
    let written = match format {
        Format::Csv => csv::write(batches, columns, &mut out),
        Format::Xlsx => xlsx::write(batches, columns, &mut out, dir),
        Format::Parquet => parquet::write(batches, columns, &mut out),
        other => Err(RenderError::Unwritable(format!("{other} is no format of a frame"))),
    };
    let flushed = written.and_then(|()| Ok(out.flush()?));
    if out.get_ref().is_full() {
        return Err(RenderError::TooLarge { limit_bytes: MAX_RENDERED_BYTES });
    }
    flushed
}
