//! From a file to typed batches: columns as they are declared, or as the file has them. Knows no format but the two a
//! frame comes in.

mod columns;
mod csv;
mod parquet;
mod record;
mod value;

use std::fs::File;

use polars::prelude::{DataFrame, DataType, TimeUnit};
use schema::{ColumnSpec, ColumnType, Format, Frame, Invalid};

use crate::CheckError;

/// A frame that is being read.
pub(crate) enum Batches {
    Csv(csv::CsvBatches<File>),
    Parquet(parquet::ParquetBatches),
}

impl Batches {
    /// Begins to read; the header is compared at once.
    pub(crate) fn open(
        file: File,
        format: Format,
        declared: &[ColumnSpec],
    ) -> Result<Self, CheckError> {
        Ok(match format {
            Format::Csv => Self::Csv(csv::CsvBatches::open(file, declared)?),
            Format::Parquet => Self::Parquet(parquet::ParquetBatches::open(file, declared)?),
            other => {
                let rule = format!("must be {}", Frame::FORMATS.map(Format::as_str).join(" or "));
                return Err(Invalid::new("format", other.as_str(), rule).into());
            }
        })
    }

    /// What its columns are.
    pub(crate) fn columns(&self) -> &[ColumnSpec] {
        match self {
            Self::Csv(batches) => batches.columns(),
            Self::Parquet(batches) => batches.columns(),
        }
    }

    /// The next batch; nothing behind the last.
    pub(crate) fn next(&mut self) -> Result<Option<DataFrame>, CheckError> {
        match self {
            Self::Csv(batches) => batches.next(),
            Self::Parquet(batches) => batches.next(),
        }
    }
}

/// How Polars holds a column.
pub(crate) fn data_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Text => DataType::String,
        ColumnType::Integer => DataType::Int64,
        ColumnType::Decimal => DataType::Float64,
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Date => DataType::Date,
        ColumnType::Timestamp => DataType::Datetime(TimeUnit::Microseconds, None),
    }
}
