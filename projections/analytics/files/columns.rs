use polars::prelude::{
    Column, DataType, Int64Chunked, IntoColumn, NamedFrom, NewChunkedArray, PolarsResult, Series,
    StringChunked, TimeUnit,
};
use schema::{Position, Timestamp};

/// A column of texts.
pub(super) fn text<'r>(name: &str, values: impl Iterator<Item = &'r str>) -> Column {
    StringChunked::from_iter_values(name.into(), values).into_column()
}

/// A column of texts, some absent.
pub(super) fn maybe_text<'r>(name: &str, values: impl Iterator<Item = Option<&'r str>>) -> Column {
    StringChunked::from_iter_options(name.into(), values).into_column()
}

/// A column of whole numbers.
pub(super) fn count(name: &str, values: impl Iterator<Item = i64>) -> Column {
    Int64Chunked::from_iter_values(name.into(), values).into_column()
}

/// A column of whole numbers, some absent.
pub(super) fn maybe_count(name: &str, values: impl Iterator<Item = Option<i64>>) -> Column {
    Int64Chunked::from_iter_options(name.into(), values).into_column()
}

/// A column of small whole numbers.
pub(super) fn small(name: &str, values: impl Iterator<Item = u32>) -> Column {
    Series::new(name.into(), values.collect::<Vec<u32>>()).into_column()
}

/// A column of positions.
pub(super) fn position(name: &str, values: impl Iterator<Item = Position>) -> Column {
    count(name, values.map(|position| position.0))
}

/// A column of instants, in UTC, to the microsecond.
pub(super) fn time(name: &str, values: impl Iterator<Item = Timestamp>) -> PolarsResult<Column> {
    count(name, values.map(Timestamp::unix_micros)).cast(&INSTANT)
}

/// A column of instants, some absent.
pub(super) fn maybe_time(
    name: &str,
    values: impl Iterator<Item = Option<Timestamp>>,
) -> PolarsResult<Column> {
    maybe_count(name, values.map(|at| at.map(Timestamp::unix_micros))).cast(&INSTANT)
}

const INSTANT: DataType = DataType::Datetime(TimeUnit::Microseconds, None);
