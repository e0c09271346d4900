use std::io::Read;

use polars::prelude::{Column, DataFrame, PolarsResult};
use schema::{ColumnSpec, ColumnType, Invalid};

use super::record::Records;
use super::value::Building;
use super::{columns, data_type};
use crate::CheckError;
use crate::limits::{BATCH_BYTES, batch_rows};

/// A CSV file as typed batches. Where no columns are declared, all of them are text: a file does not say whether 007
/// is a number.
pub(crate) struct CsvBatches<R> {
    records: Records<R>,
    columns: Vec<ColumnSpec>,
}

impl<R: Read> CsvBatches<R> {
    pub(super) fn open(input: R, declared: &[ColumnSpec]) -> Result<Self, CheckError> {
        let mut records = Records::open(input);
        if !records.advance()? {
            let rule = "must be a header that names the columns";
            return Err(Invalid::new("line 1", "", rule).into());
        }
        let names: Vec<String> =
            (0..records.len()).map(|at| records.field(at).0.to_owned()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let columns = if declared.is_empty() {
            columns::well_formed("line 1", &names)?;
            let kind = ColumnType::Text;
            let spec = |name: &&str| ColumnSpec { name: (*name).to_owned(), kind, nullable: true };
            names.iter().map(spec).collect()
        } else {
            columns::as_declared("line 1", &names, declared)?;
            declared.to_vec()
        };
        Ok(Self { records, columns })
    }

    pub(super) fn columns(&self) -> &[ColumnSpec] {
        &self.columns
    }

    pub(super) fn next(&mut self) -> Result<Option<DataFrame>, CheckError> {
        let most_rows = batch_rows(self.columns.len());
        let build = |spec| Building::of(spec, most_rows.min(1_024));
        let mut building: Vec<Building> = self.columns.iter().map(build).collect();
        let (mut rows, mut bytes) = (0, 0);
        while rows < most_rows && bytes < BATCH_BYTES && self.records.advance()? {
            self.push(&mut building)?;
            rows += 1;
            bytes += self.records.size_bytes();
        }
        if rows == 0 {
            return Ok(None);
        }
        let broken = |error| CheckError::from(std::io::Error::other(format!("{error}")));
        finish(building, &self.columns, rows).map(Some).map_err(broken)
    }

    /// Adds a record, value by value.
    fn push(&mut self, building: &mut [Building]) -> Result<(), Invalid> {
        let line = self.records.first_line();
        let (found, expected) = (self.records.len(), self.columns.len());
        if found != expected {
            let rule = format!("must be {expected}, as in the header");
            return Err(Invalid::new(format!("line {line}"), &format!("{found} values"), rule));
        }
        for (at, (spec, values)) in self.columns.iter().zip(building).enumerate() {
            let (text, is_quoted) = self.records.field(at);
            let is_missing = text.is_empty() && !(is_quoted && spec.kind == ColumnType::Text);
            let pushed = match is_missing {
                true if spec.nullable => values.push(None),
                true => Err("must not be missing"),
                false => values.push(Some(text)),
            };
            pushed.map_err(|rule| {
                Invalid::new(format!("line {line}, column {:?}", spec.name), text, rule)
            })?;
        }
        Ok(())
    }
}

fn finish(building: Vec<Building>, columns: &[ColumnSpec], rows: usize) -> PolarsResult<DataFrame> {
    let typed = building.into_iter().zip(columns).map(|(values, spec)| {
        let column: Column = values.finish()?;
        column.cast(&data_type(spec.kind))
    });
    DataFrame::new(rows, typed.collect::<PolarsResult<_>>()?)
}
