use chrono::{DateTime, NaiveDate, NaiveDateTime};
use polars::prelude::ChunkedBuilder as _;
use polars::prelude::{
    BooleanChunkedBuilder, Column, DataType, Float64Type, Int32Type, Int64Type, IntoColumn,
    IntoSeries, PlSmallStr, PolarsResult, PrimitiveChunkedBuilder, StringChunkedBuilder,
};
use schema::{ColumnSpec, ColumnType};

/// A column that grows value by value.
pub(super) enum Building {
    Text(StringChunkedBuilder),
    Integer(PrimitiveChunkedBuilder<Int64Type>),
    Decimal(PrimitiveChunkedBuilder<Float64Type>),
    Boolean(BooleanChunkedBuilder),
    Date(PrimitiveChunkedBuilder<Int32Type>),
    Timestamp(PrimitiveChunkedBuilder<Int64Type>),
}

impl Building {
    pub(super) fn of(spec: &ColumnSpec, capacity: usize) -> Self {
        let name = PlSmallStr::from(spec.name.as_str());
        match spec.kind {
            ColumnType::Text => Self::Text(StringChunkedBuilder::new(name, capacity)),
            ColumnType::Integer => Self::Integer(PrimitiveChunkedBuilder::new(name, capacity)),
            ColumnType::Decimal => Self::Decimal(PrimitiveChunkedBuilder::new(name, capacity)),
            ColumnType::Boolean => Self::Boolean(BooleanChunkedBuilder::new(name, capacity)),
            ColumnType::Date => Self::Date(PrimitiveChunkedBuilder::new(name, capacity)),
            ColumnType::Timestamp => Self::Timestamp(PrimitiveChunkedBuilder::new(name, capacity)),
        }
    }

    /// Adds the value that `text` spells; nothing: none.
    ///
    /// # Errors
    /// The rule it breaks.
    pub(super) fn push(&mut self, text: Option<&str>) -> Result<(), &'static str> {
        match self {
            Self::Text(values) => values.append_option(text),
            Self::Integer(values) => values.append_option(text.map(integer).transpose()?),
            Self::Decimal(values) => values.append_option(text.map(decimal).transpose()?),
            Self::Boolean(values) => values.append_option(text.map(boolean).transpose()?),
            Self::Date(values) => values.append_option(text.map(date).transpose()?),
            Self::Timestamp(values) => values.append_option(text.map(timestamp).transpose()?),
        }
        Ok(())
    }

    /// The column as it is.
    pub(super) fn finish(self) -> PolarsResult<Column> {
        Ok(match self {
            Self::Text(values) => values.finish().into_series().into_column(),
            Self::Integer(values) | Self::Timestamp(values) => {
                values.finish().into_series().into_column()
            }
            Self::Decimal(values) => values.finish().into_series().into_column(),
            Self::Boolean(values) => values.finish().into_series().into_column(),
            Self::Date(values) => {
                values.finish().into_series().cast(&DataType::Date)?.into_column()
            }
        })
    }
}

fn integer(text: &str) -> Result<i64, &'static str> {
    text.parse().map_err(|_| "must be a whole number of 64 bits")
}

fn decimal(text: &str) -> Result<f64, &'static str> {
    let value: Option<f64> = text.parse().ok();
    value.filter(|value| value.is_finite()).ok_or("must be a finite number such as -12.5 or 1e6")
}

fn boolean(text: &str) -> Result<bool, &'static str> {
    if text.eq_ignore_ascii_case("true") {
        return Ok(true);
    }
    if text.eq_ignore_ascii_case("false") { Ok(false) } else { Err("must be true or false") }
}

/// Days since 1970-01-01.
fn date(text: &str) -> Result<i32, &'static str> {
    let rule = "must be a day such as 2026-11-30";
    let day = (text.len() == 10).then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok());
    let day = day.flatten().ok_or(rule)?;
    Ok(day.to_epoch_days())
}

/// Microseconds since 1970-01-01T00:00:00Z. What says nothing of an offset is UTC.
fn timestamp(text: &str) -> Result<i64, &'static str> {
    let rule = "must be an instant such as 2026-11-30T12:00:00Z (RFC 3339; UTC without an offset)";
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Ok(instant.timestamp_micros());
    }
    let separator = text.as_bytes().get(10).copied();
    let form =
        if separator == Some(b'T') { "%Y-%m-%dT%H:%M:%S%.f" } else { "%Y-%m-%d %H:%M:%S%.f" };
    let instant = NaiveDateTime::parse_from_str(text, form).map_err(|_| rule)?;
    Ok(instant.and_utc().timestamp_micros())
}
