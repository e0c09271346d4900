use std::borrow::Cow;
use std::io::Write;
use std::path::Path;

use chrono::{DateTime, NaiveDate};
use polars::prelude::{AnyValue, Column, DataFrame, TimeUnit};
use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format as Look, Workbook, Worksheet, XlsxError,
};
use schema::{ColumnSpec, ColumnType, Frame};

use crate::RenderError;
use crate::read::Batches;

/// From 1970-01-01 back to the day that a workbook counts from.
const EPOCH_DAYS: i64 = 25_569;
/// 1900-03-01: before it a workbook counts a day that never was.
const FIRST_DAY: i64 = 61 - EPOCH_DAYS;
/// 9999-12-31.
const LAST_DAY: i64 = 2_958_465 - EPOCH_DAYS;
const DAY_US: i64 = 86_400_000_000;
/// Whole numbers up to so large are shown by a spreadsheet as they are: 15 digits.
const EXACT: u64 = 999_999_999_999_999;

struct Looks {
    head: Look,
    date: Look,
    instant: Look,
}

/// One worksheet, its head in bold and in sight. A text is a text whatever it begins with; a number is a number; what a
/// workbook would change (a whole number of more than 15 digits, a day before March 1900) stands there as text. Row by
/// row through a file in `dir`: no row stays in memory.
pub(super) fn write(
    mut batches: Batches,
    columns: &[ColumnSpec],
    out: &mut (impl Write + Send),
    dir: &Path,
) -> Result<(), RenderError> {
    let mut workbook = Workbook::new();
    workbook.set_tempdir(dir)?;
    // A workbook says when it was made; this one says the same whenever that is.
    let created = ExcelDateTime::from_ymd(2000, 1, 1)?;
    workbook.set_properties(&DocProperties::new().set_creation_datetime(&created));
    let looks = Looks {
        head: Look::new().set_bold(),
        date: Look::new().set_num_format("yyyy-mm-dd"),
        instant: Look::new().set_num_format("yyyy-mm-dd hh:mm:ss.000"),
    };
    let sheet = workbook.add_worksheet_with_constant_memory();
    sheet.set_name("Data")?;
    sheet.set_freeze_panes(1, 0)?;
    for (at, spec) in (0_u16..).zip(columns) {
        match spec.kind {
            ColumnType::Date => drop(sheet.set_column_width(at, 12)?),
            ColumnType::Timestamp => drop(sheet.set_column_width(at, 24)?),
            ColumnType::Text | ColumnType::Integer | ColumnType::Decimal | ColumnType::Boolean => {}
        }
        sheet.write_string_with_format(0, at, &spec.name, &looks.head)?;
    }
    let mut row = 1;
    while let Some(batch) = batches.next()? {
        if u64::from(row) + batch.height() as u64 > Frame::MAX_XLSX_ROWS + 1 {
            let rule = format!("a worksheet has room for {} rows", Frame::MAX_XLSX_ROWS);
            return Err(RenderError::Unwritable(rule));
        }
        rows(sheet, &batch, row, &looks)?;
        row += batch.height() as u32;
    }
    Ok(workbook.save_to_writer(out)?)
}

fn rows(
    sheet: &mut Worksheet,
    batch: &DataFrame,
    from: u32,
    looks: &Looks,
) -> Result<(), XlsxError> {
    let columns = batch.columns();
    let series: Vec<_> = columns.iter().map(Column::as_materialized_series).collect();
    let mut values: Vec<_> = series.iter().map(|series| series.iter()).collect();
    for row in (from..).take(batch.height()) {
        for (at, values) in (0_u16..).zip(&mut values) {
            if let Some(value) = values.next() {
                cell(sheet, row, at, &value, looks)?;
            }
        }
    }
    Ok(())
}

fn cell(
    sheet: &mut Worksheet,
    row: u32,
    at: u16,
    value: &AnyValue<'_>,
    looks: &Looks,
) -> Result<(), XlsxError> {
    match value {
        AnyValue::Null => return Ok(()),
        AnyValue::String("") => return Ok(()),
        AnyValue::String(text) => sheet.write_string(row, at, *text)?,
        AnyValue::Boolean(value) => sheet.write_boolean(row, at, *value)?,
        AnyValue::Float64(value) => sheet.write_number(row, at, *value)?,
        AnyValue::Int64(value) if value.unsigned_abs() > EXACT => {
            sheet.write_string(row, at, value.to_string())?
        }
        AnyValue::Int64(value) => sheet.write_number(row, at, *value as f64)?,
        AnyValue::Date(days) => match i64::from(*days) {
            days @ FIRST_DAY..=LAST_DAY => {
                sheet.write_number_with_format(row, at, (days + EPOCH_DAYS) as f64, &looks.date)?
            }
            _ => sheet.write_string(row, at, day_text(*days))?,
        },
        AnyValue::Datetime(us, TimeUnit::Microseconds, _) => match us.div_euclid(DAY_US) {
            FIRST_DAY..=LAST_DAY => {
                let days = EPOCH_DAYS as f64 + *us as f64 / DAY_US as f64;
                sheet.write_number_with_format(row, at, days, &looks.instant)?
            }
            _ => sheet.write_string(row, at, instant_text(*us))?,
        },
        other => sheet.write_string(row, at, other.to_string())?,
    };
    Ok(())
}

fn day_text(days: i32) -> String {
    NaiveDate::from_epoch_days(days).map_or_else(|| days.to_string(), |day| day.to_string())
}

fn instant_text(us: i64) -> Cow<'static, str> {
    let instant = DateTime::from_timestamp_micros(us);
    let text = instant.map(|instant| instant.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string());
    text.map_or_else(|| us.to_string().into(), Cow::Owned)
}

impl From<XlsxError> for RenderError {
    fn from(error: XlsxError) -> Self {
        match error {
            XlsxError::IoError(error) => error.into(),
            XlsxError::ZipError(error) => Self::from(std::io::Error::from(error)),
            other => Self::Unwritable(other.to_string()),
        }
    }
}
