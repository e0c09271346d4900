use std::io::Write;
use std::num::NonZeroUsize;

use polars::prelude::{CsvWriter, DataFrame, PolarsResult, QuoteStyle, Schema, SerWriter};
use schema::ColumnSpec;

use super::neutral::{neutral, neutral_column};
use crate::RenderError;
use crate::read::{Batches, data_type};

/// Rows that one thread writes at a time.
const ROWS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(8_191);

/// UTF-8 without a byte order mark, RFC 4180: commas, CRLF, quoted where need be. A missing value is empty, an empty
/// text is `""`. Texts that begin like a formula are neutralised.
pub(super) fn write(
    mut batches: Batches,
    columns: &[ColumnSpec],
    out: &mut impl Write,
) -> Result<(), RenderError> {
    let named =
        columns.iter().map(|spec| (neutral(&spec.name).as_ref().into(), data_type(spec.kind)));
    let schema: Schema = named.collect();
    let mut writer = CsvWriter::new(out)
        .with_line_terminator("\r\n".into())
        .with_quote_style(QuoteStyle::Necessary)
        .with_date_format(Some("%Y-%m-%d".into()))
        .with_datetime_format(Some("%Y-%m-%dT%H:%M:%S%.fZ".into()))
        .with_batch_size(ROWS)
        .batched(&schema)?;
    writer.finish()?;
    while let Some(batch) = batches.next()? {
        writer.write_batch(&neutralised(&batch)?)?;
    }
    Ok(())
}

fn neutralised(batch: &DataFrame) -> PolarsResult<DataFrame> {
    let columns = batch.columns().iter().map(neutral_column);
    let mut batch = DataFrame::new(batch.height(), columns.collect::<PolarsResult<_>>()?)?;
    batch.rechunk_mut();
    Ok(batch)
}
