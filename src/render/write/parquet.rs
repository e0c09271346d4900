use std::io::Write;

use polars::polars_utils::compression::ZstdLevel;
use polars::prelude::{ParquetCompression, ParquetWriter, Schema, StatisticsOptions};
use schema::ColumnSpec;

use crate::RenderError;
use crate::read::{Batches, data_type};

/// Zstd, a row group for each batch, least and greatest values of each column in the footer.
pub(super) fn write(
    mut batches: Batches,
    columns: &[ColumnSpec],
    out: &mut impl Write,
) -> Result<(), RenderError> {
    let named = columns.iter().map(|spec| (spec.name.as_str().into(), data_type(spec.kind)));
    let schema: Schema = named.collect();
    let writer = ParquetWriter::new(out)
        .with_compression(ParquetCompression::Zstd(ZstdLevel::try_new(3).ok()))
        .with_statistics(StatisticsOptions::full())
        .batched(&schema)?;
    let mut writer = writer;
    while let Some(batch) = batches.next()? {
        writer.write_batch(&batch)?;
    }
    writer.finish()?;
    Ok(())
}
