use analytics::{ColumnOf, Format, Reply, Request, Target};
use duckdb::types::Value as Bound;
use duckdb::{Connection, params_from_iter};
use serde_json::Value;

use crate::{NoAnswer, guard, workbook};

pub(crate) fn answer(request: &Request) -> Reply {
    try_answer(request).unwrap_or_else(Reply::from)
}

fn try_answer(request: &Request) -> Result<Reply, NoAnswer> {
    let connection = guard::open(request)?;
    guard::one_select(&connection, &request.sql)?;
    match &request.target {
        None => say(&connection, request),
        Some(target) => write(&connection, request, target),
    }
}

fn say(connection: &Connection, request: &Request) -> Result<Reply, NoAnswer> {
    let columns = columns(connection, request)?;
    let limit = request.limits.rows as usize;
    // As an object each, by DuckDB itself: it knows its types. The line's end keeps a comment from going on.
    let sql = format!(
        "select to_json(_row)::varchar from ({}\n) as _row limit {}",
        request.sql,
        limit + 1
    );
    let mut rows = select(connection, &sql, request)?;
    let is_cut = rows.len() > limit;
    rows.truncate(limit);
    Ok(Reply::Rows { columns, rows, is_cut })
}

fn write(connection: &Connection, request: &Request, target: &Target) -> Result<Reply, NoAnswer> {
    let sql = format!("create temp table answer as select * from ({}\n)", request.sql);
    connection.execute(&sql, params_from_iter(bound(&request.values)?))?;
    let rows: i64 = connection.query_row("select count(*) from answer", [], |row| row.get(0))?;
    let path = target.path.display().to_string().replace('\'', "''");
    let form = match target.format {
        Format::Csv => "format csv, header true",
        Format::Parquet => "format parquet, compression zstd",
        Format::Xlsx => {
            let columns = columns(connection, request)?;
            workbook::write(connection, &columns, &target.path)?;
            return Ok(Reply::Written { rows: rows.unsigned_abs() });
        }
    };
    // The file is there already, empty, and its neighbours are out of reach: no temporary one beside it.
    connection.execute_batch(&format!("copy answer to '{path}' ({form}, use_tmp_file false)"))?;
    Ok(Reply::Written { rows: rows.unsigned_abs() })
}

fn columns(connection: &Connection, request: &Request) -> Result<Vec<ColumnOf>, NoAnswer> {
    let sql = format!("describe select * from ({}\n)", request.sql);
    let mut statement = connection.prepare(&sql)?;
    let values = params_from_iter(bound(&request.values)?);
    let found = statement
        .query_map(values, |row| Ok(ColumnOf { name: row.get(0)?, kind: row.get(1)? }))?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(found)
}

fn select(connection: &Connection, sql: &str, request: &Request) -> Result<Vec<Value>, NoAnswer> {
    let mut statement = connection.prepare(sql)?;
    let values = params_from_iter(bound(&request.values)?);
    let rows = statement.query_map(values, |row| row.get::<_, String>(0))?;
    rows.map(|row| serde_json::from_str(&row?).map_err(|error| NoAnswer::Failed(error.to_string())))
        .collect()
}

fn bound(values: &[Value]) -> Result<Vec<Bound>, NoAnswer> {
    let bind = |value: &Value| match value {
        Value::Null => Ok(Bound::Null),
        Value::Bool(yes) => Ok(Bound::Boolean(*yes)),
        Value::String(text) => Ok(Bound::Text(text.clone())),
        Value::Number(number) => number
            .as_i64()
            .map(Bound::BigInt)
            .or_else(|| number.as_f64().map(Bound::Double))
            .ok_or_else(|| NoAnswer::Refused(format!("value: {number} is out of range"))),
        Value::Array(_) | Value::Object(_) => {
            Err(NoAnswer::Refused("value: must be a text, a number, true or false".to_owned()))
        }
    };
    values.iter().map(bind).collect()
}
