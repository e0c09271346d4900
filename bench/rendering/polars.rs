use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use ::polars::prelude::{
    CsvReadOptions, CsvWriter, DataFrame, DataType, ParquetWriter, SerReader, SerWriter,
};
use anyhow::{Result, bail};
use schema::{ColumnType, Format};

use super::columns;

/// Reads the frame. Days and instants stay text, which is less work than Waybill does.
pub(super) fn read(from: &Path) -> Result<DataFrame> {
    let fields = columns().into_iter().map(|column| {
        let kind = match column.kind {
            ColumnType::Integer => DataType::Int64,
            ColumnType::Decimal => DataType::Float64,
            ColumnType::Boolean => DataType::Boolean,
            ColumnType::Text | ColumnType::Date | ColumnType::Timestamp => DataType::String,
        };
        (column.name.as_str().into(), kind)
    });
    let options = CsvReadOptions::default().with_schema(Some(Arc::new(fields.collect())));
    Ok(options.try_into_reader_with_file_path(Some(from.to_owned()))?.finish()?)
}

pub(super) fn write(from: &Path, into: &Path, format: Format) -> Result<()> {
    let mut frame = read(from)?;
    let file = File::create(into)?;
    match format {
        Format::Csv => CsvWriter::new(file).finish(&mut frame)?,
        Format::Parquet => drop(ParquetWriter::new(file).finish(&mut frame)?),
        other => bail!("Polars writes no {other}"),
    }
    Ok(())
}
