use std::path::Path;

use analytics::ColumnOf;
use duckdb::Connection;
use rust_xlsxwriter::{Workbook, XlsxError};
use serde_json::Value;

use crate::NoAnswer;

/// What a sheet holds besides its header (ECMA-376).
const ROW_LIMIT: u32 = 1_048_575;

/// Writes the table `answer` as a workbook of one sheet, row by row. Texts are written as texts: none becomes a
/// formula.
pub(crate) fn write(
    connection: &Connection,
    columns: &[ColumnOf],
    path: &Path,
) -> Result<(), NoAnswer> {
    let broken = |error: XlsxError| NoAnswer::Failed(format!("{}: {error}", path.display()));
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet_with_constant_memory();
    for (at, column) in (0..).zip(columns) {
        sheet.write_string(0, at, &column.name).map_err(broken)?;
    }
    let mut statement = connection.prepare("select to_json(answer)::varchar from answer")?;
    let mut rows = statement.query([])?;
    let mut at = 0;
    while let Some(row) = rows.next()? {
        at += 1;
        if at > ROW_LIMIT {
            let reason = format!("a sheet holds {ROW_LIMIT} rows and the answer has more");
            return Err(NoAnswer::Refused(format!("format: {reason}; ask for csv or parquet")));
        }
        let row: Value = serde_json::from_str(&row.get::<_, String>(0)?)
            .map_err(|error| NoAnswer::Failed(error.to_string()))?;
        for (across, column) in (0..).zip(columns) {
            let written = match &row[&column.name] {
                Value::Null => continue,
                Value::Number(number) => {
                    sheet.write_number(at, across, number.as_f64().unwrap_or_default())
                }
                Value::Bool(yes) => sheet.write_boolean(at, across, *yes),
                Value::String(text) => sheet.write_string(at, across, text),
                nested => sheet.write_string(at, across, nested.to_string()),
            };
            written.map_err(broken)?;
        }
    }
    workbook.save(path).map_err(broken)
}
