use std::fs::File;

use polars::prelude::{
    ArrowSchema, ChunkApply, Column, DataFrame, DataType, ParquetReader, PlSmallStr, PolarsError,
    SerReader, TimeUnit,
};
use schema::{ColumnSpec, ColumnType, Invalid};

use super::{columns, data_type};
use crate::CheckError;
use crate::limits::batch_rows;

/// Most digits of a Parquet decimal that a double holds without changing one.
const EXACT_DIGITS: usize = 15;

/// A Parquet file as typed batches. Where no columns are declared, they are what the file says.
pub(crate) struct ParquetBatches {
    file: File,
    columns: Vec<ColumnSpec>,
    /// Rows of each row group, those that are left.
    groups: Vec<usize>,
    from: usize,
}

impl ParquetBatches {
    pub(super) fn open(file: File, declared: &[ColumnSpec]) -> Result<Self, CheckError> {
        let mut reader = ParquetReader::new(file.try_clone()?);
        let has = reader.schema().map_err(|error| unreadable(&error))?;
        let names: Vec<&str> = has.iter_names().map(PlSmallStr::as_str).collect();
        columns::well_formed("schema", &names)?;
        if !declared.is_empty() {
            columns::as_declared("schema", &names, declared)?;
        }
        let columns = specs(&has, declared)?;
        let metadata = reader.get_metadata().map_err(|error| unreadable(&error))?;
        let mut groups = Vec::with_capacity(metadata.row_groups.len());
        for group in metadata.row_groups.iter().rev() {
            groups.push(group.num_rows());
        }
        Ok(Self { file, columns, groups, from: 0 })
    }

    pub(super) fn columns(&self) -> &[ColumnSpec] {
        &self.columns
    }

    /// A batch never reaches over two row groups, so that each is decoded as few times as may be.
    pub(super) fn next(&mut self) -> Result<Option<DataFrame>, CheckError> {
        let Some(left) = self.groups.last_mut() else { return Ok(None) };
        let rows = batch_rows(self.columns.len()).min(*left);
        *left -= rows;
        if *left == 0 {
            self.groups.pop();
        }
        if rows == 0 {
            return self.next();
        }
        let mut reader = ParquetReader::new(self.file.try_clone()?);
        reader = reader.with_slice(Some((self.from, rows)));
        let found = reader.finish().map_err(|error| unreadable(&error))?;
        let from = self.from as u64;
        self.from += rows;
        let typed = self.columns.iter().zip(found.columns());
        let typed: Result<Vec<Column>, Invalid> =
            typed.map(|(spec, column)| conform(spec, column, from)).collect();
        let mut batch = DataFrame::new(rows, typed?).map_err(|error| unreadable(&error))?;
        batch.rechunk_mut();
        Ok(Some(batch))
    }
}

fn unreadable(error: &PolarsError) -> CheckError {
    match error {
        PolarsError::IO { error, .. } => {
            std::io::Error::new(error.kind(), error.to_string()).into()
        }
        other => {
            let told = other.to_string();
            Invalid::new("file", told.lines().next().unwrap_or_default(), "must be a Parquet file")
                .into()
        }
    }
}

/// What the columns are: as declared where that agrees with the file, otherwise as the file says.
fn specs(has: &ArrowSchema, declared: &[ColumnSpec]) -> Result<Vec<ColumnSpec>, Invalid> {
    let mut specs = Vec::with_capacity(has.len());
    for (at, (name, field)) in has.iter().enumerate() {
        let found = DataType::from_arrow_field(field);
        let place = format!("schema, column {:?}", name.as_str());
        let kind = kind_of(&found).ok_or_else(|| {
            let known = ColumnType::ALL.map(ColumnType::as_str).join(", ");
            let rule = format!("must be a type that can be read as one of {known}");
            Invalid::new(&place, &found.to_string(), rule)
        })?;
        match declared.get(at) {
            None => {
                specs.push(ColumnSpec {
                    name: name.to_string(),
                    kind,
                    nullable: field.is_nullable,
                });
            }
            Some(spec) if agrees(spec.kind, kind, &found) => specs.push(spec.clone()),
            Some(spec) => {
                let rule = format!("must be {}, as declared", spec.kind);
                return Err(Invalid::new(place, &found.to_string(), rule));
            }
        }
    }
    Ok(specs)
}

fn kind_of(found: &DataType) -> Option<ColumnType> {
    Some(match found {
        DataType::String | DataType::Null => ColumnType::Text,
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64 => ColumnType::Integer,
        DataType::Float32 | DataType::Float64 => ColumnType::Decimal,
        DataType::Decimal(precision, _) if *precision <= EXACT_DIGITS => ColumnType::Decimal,
        DataType::Boolean => ColumnType::Boolean,
        DataType::Date => ColumnType::Date,
        DataType::Datetime(..) => ColumnType::Timestamp,
        found if found.is_categorical() || found.is_enum() => ColumnType::Text,
        _ => return None,
    })
}

/// A column of nothing but missing values is of any type; whole numbers are decimals as well.
fn agrees(declared: ColumnType, kind: ColumnType, found: &DataType) -> bool {
    declared == kind
        || *found == DataType::Null
        || (declared == ColumnType::Decimal && kind == ColumnType::Integer)
}

/// The column as the frame has it.
fn conform(spec: &ColumnSpec, column: &Column, from: u64) -> Result<Column, Invalid> {
    let fault = |row: usize, value: &str, rule: &str| {
        let place = format!("row {}, column {:?}", from + row as u64 + 1, spec.name);
        Invalid::new(place, value, rule)
    };
    if !spec.nullable && column.null_count() > 0 {
        let row = column.is_null().iter().position(|missing| missing == Some(true));
        return Err(fault(row.unwrap_or_default(), "", "must not be missing"));
    }
    let broken = |error: PolarsError| fault(0, &error.to_string(), "must be readable");
    let typed = match column.dtype() {
        DataType::Datetime(unit, _) => instants(column, *unit).map_err(broken)?,
        _ => column.cast(&data_type(spec.kind)).map_err(broken)?,
    };
    if typed.null_count() > column.null_count() {
        let (is, was) = (typed.is_null(), column.is_null());
        let row = is.iter().zip(was.iter()).position(|(is, was)| is != was).unwrap_or_default();
        let value = column.get(row).map(|value| value.to_string()).unwrap_or_default();
        return Err(fault(row, &value, &format!("must be a value of the type {}", spec.kind)));
    }
    if let Ok(numbers) = typed.f64() {
        let is_odd = |value: Option<f64>| value.is_some_and(|value| !value.is_finite());
        if let Some(row) = numbers.iter().position(is_odd) {
            let value = numbers.get(row).map(|value| value.to_string()).unwrap_or_default();
            return Err(fault(row, &value, "must be a finite number"));
        }
    }
    if let Ok(texts) = typed.str() {
        let is_odd = |value: Option<&str>| value.is_some_and(|value| value.contains('\0'));
        if let Some(row) = texts.iter().position(is_odd) {
            return Err(fault(row, "", "must not contain NUL"));
        }
    }
    Ok(typed)
}

/// Instants in microseconds, whatever zone they are shown in: what is stored is UTC.
fn instants(column: &Column, unit: TimeUnit) -> Result<Column, PolarsError> {
    let counts = column.to_physical_repr().cast(&DataType::Int64)?;
    let scaled = counts.i64()?.apply_values(|count| match unit {
        TimeUnit::Nanoseconds => count.div_euclid(1_000),
        TimeUnit::Microseconds => count,
        TimeUnit::Milliseconds => count.saturating_mul(1_000),
    });
    let instants = polars::prelude::IntoSeries::into_series(scaled);
    let instants = instants.cast(&data_type(ColumnType::Timestamp))?;
    Ok(polars::prelude::IntoColumn::into_column(instants))
}
