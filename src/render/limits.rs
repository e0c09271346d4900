//! How large things may be. Knows nothing else.

/// Most rows a frame may have.
pub const MAX_ROWS: u64 = 20_000_000;
/// Longest record of a CSV file, in bytes: a quotation mark that is never closed is found within so many.
pub const MAX_RECORD_BYTES: usize = 8 * 1024 * 1024;
/// Largest file a frame may be rendered to: a small Parquet file can stand for a very large table.
pub const MAX_RENDERED_BYTES: u64 = 512 * 1024 * 1024;
/// Longest name of a column, in bytes.
pub(crate) const MAX_COLUMN_NAME_BYTES: usize = 256;
/// Most rows of a batch: one row group of a Parquet file.
const BATCH_ROWS: usize = 131_072;
/// Most values of a batch: with 16 bytes each they take 32 MB.
const BATCH_CELLS: usize = 2 * 1024 * 1024;
/// Most bytes of text of a batch that is read from CSV.
pub(crate) const BATCH_BYTES: usize = 16 * 1024 * 1024;

/// How many rows of so many columns are in memory at once.
pub(crate) const fn batch_rows(column_count: usize) -> usize {
    let columns = if column_count == 0 { 1 } else { column_count };
    let rows = BATCH_CELLS / columns;
    if rows < BATCH_ROWS { rows } else { BATCH_ROWS }
}
