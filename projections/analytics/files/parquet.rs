use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use polars::polars_utils::compression::ZstdLevel;
use polars::prelude::{
    Column, DataFrame, ParquetCompression, ParquetReader, ParquetWriter, PolarsError, SchemaRef,
    SerReader, StatisticsOptions,
};
use schema::Sha256;
use sha2::{Digest, Sha256 as Hasher};

use super::FileError;

/// Rows of a row group: a reader skips whole ones by their least and greatest values.
const ROW_GROUP: usize = 131_072;

/// A file, as the manifest has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Rows in it.
    pub rows: u64,
    /// Bytes of it.
    pub bytes: u64,
    /// Digest of its bytes.
    pub sha256: Sha256,
}

/// Writes a frame to `path`: beside its place, forced to the disk, then renamed.
pub(super) fn write(mut frame: DataFrame, path: &Path) -> Result<Written, FileError> {
    let rows = frame.height() as u64;
    let out = Out::create(path)?;
    let (out, written) = out.through(path, |hashing| {
        writer(hashing).with_row_group_size(Some(ROW_GROUP)).finish(&mut frame).map(|_| ())
    })?;
    out.done(path, rows, written)
}

/// Joins files of the same table into one, in the order given; a column that older files lack is empty there. One part
/// of one file is in memory at a time.
///
/// # Errors
/// [`FileError`].
pub fn merge(parts: &[PathBuf], path: &Path) -> Result<Written, FileError> {
    let frame_schema = widest(parts)?;
    let mut rows = 0;
    let mut failed = None;
    let out = Out::create(path)?;
    let (out, written) = out.through(path, |hashing| {
        let mut batched = writer(hashing).batched(&frame_schema)?;
        for part in parts {
            match copy(part, &frame_schema, |frame| batched.write_batch(frame)) {
                Ok(count) => rows += count,
                Err(error) => failed = Some(error),
            }
        }
        batched.finish().map(|_| ())
    })?;
    match failed {
        Some(error) => Err(error),
        None => out.done(path, rows, written),
    }
}

/// How many rows a file has, as its own footer says.
///
/// # Errors
/// [`FileError`].
pub fn row_count(path: &Path) -> Result<u64, FileError> {
    let rows = reader(path)?.num_rows().map_err(|error| FileError::damaged(path, &error))?;
    Ok(rows as u64)
}

/// All columns that any of the files has, as the last one orders them.
fn widest(parts: &[PathBuf]) -> Result<SchemaRef, FileError> {
    let mut found: Option<polars::prelude::Schema> = None;
    for part in parts.iter().rev() {
        let damaged = |error: PolarsError| FileError::damaged(part, &error);
        let head = reader(part)?.with_slice(Some((0, 0))).finish().map_err(damaged)?;
        match &mut found {
            None => found = Some(head.schema().as_ref().clone()),
            Some(found) => {
                for (name, kind) in head.schema().iter() {
                    if !found.contains(name) {
                        found.with_column(name.clone(), kind.clone());
                    }
                }
            }
        }
    }
    Ok(SchemaRef::new(found.unwrap_or_default()))
}

/// Reads a file part by part.
fn copy(
    path: &Path,
    into: &SchemaRef,
    mut write: impl FnMut(&DataFrame) -> Result<(), PolarsError>,
) -> Result<u64, FileError> {
    let damaged = |error: PolarsError| FileError::damaged(path, &error);
    let count = reader(path)?.num_rows().map_err(damaged)?;
    let mut from = 0;
    while from < count {
        let part = reader(path)?.with_slice(Some((from, ROW_GROUP))).finish().map_err(damaged)?;
        let mut part = aligned(&part, into).map_err(damaged)?;
        part.rechunk_mut();
        write(&part).map_err(damaged)?;
        from += ROW_GROUP;
    }
    Ok(count as u64)
}

/// The frame with exactly these columns.
fn aligned(frame: &DataFrame, into: &SchemaRef) -> Result<DataFrame, PolarsError> {
    let height = frame.height();
    let columns = into.iter().map(|(name, kind)| match frame.column(name) {
        Ok(column) => column.clone(),
        Err(_) => Column::full_null(name.clone(), height, kind),
    });
    DataFrame::new(height, columns.collect())
}

fn reader(path: &Path) -> Result<ParquetReader<File>, FileError> {
    let file = File::open(path).map_err(|source| FileError::disk(path, source))?;
    Ok(ParquetReader::new(file))
}

fn writer<W: Write>(out: W) -> ParquetWriter<W> {
    let level = ZstdLevel::try_new(1).ok();
    ParquetWriter::new(out)
        .with_compression(ParquetCompression::Zstd(level))
        .with_statistics(StatisticsOptions::full())
}

/// A file beside its place.
struct Out {
    file: BufWriter<File>,
    beside: PathBuf,
}

impl Out {
    fn create(path: &Path) -> Result<Self, FileError> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".part");
        let beside = PathBuf::from(beside);
        let folder = path.parent().unwrap_or(Path::new("."));
        let made = fs::create_dir_all(folder).and_then(|()| File::create(&beside));
        let file = BufWriter::new(made.map_err(|source| FileError::disk(&beside, source))?);
        Ok(Self { file, beside })
    }

    /// Lets `work` write, counting and hashing what it writes.
    fn through(
        mut self,
        path: &Path,
        work: impl FnOnce(&mut Hashing<'_>) -> Result<(), PolarsError>,
    ) -> Result<(Self, (u64, Sha256)), FileError> {
        let mut hashing = Hashing { out: &mut self.file, hasher: Hasher::new(), bytes: 0 };
        let worked = work(&mut hashing);
        let Hashing { hasher, bytes, .. } = hashing;
        let digest: [u8; 32] = hasher.finalize().into();
        match worked {
            Ok(()) => Ok((self, (bytes, Sha256::from_bytes(digest)))),
            Err(error) => {
                drop(self.file);
                // What is half written is of no use; what stands in its way is told below.
                drop(fs::remove_file(&self.beside));
                Err(match error {
                    PolarsError::IO { error, .. } => {
                        FileError::disk(path, io::Error::new(error.kind(), error.to_string()))
                    }
                    other => FileError::damaged(path, &other),
                })
            }
        }
    }

    fn done(
        self,
        path: &Path,
        rows: u64,
        (bytes, sha256): (u64, Sha256),
    ) -> Result<Written, FileError> {
        let Self { file, beside } = self;
        let placed = file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&beside, path))
            .and_then(|()| File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all());
        placed.map_err(|source| FileError::disk(path, source))?;
        Ok(Written { rows, bytes, sha256 })
    }
}

struct Hashing<'o> {
    out: &'o mut BufWriter<File>,
    hasher: Hasher,
    bytes: u64,
}

impl Write for Hashing<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.out.write(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
