use std::path::Path;

use analytics::Request;
use duckdb::Connection;
use serde_json::Value;

use crate::NoAnswer;

/// A connection to an empty database in memory that has the tables of the request, and from which nothing else can be
/// reached. The order matters: what is locked last was set before.
pub(crate) fn open(request: &Request) -> Result<Connection, NoAnswer> {
    let connection = Connection::open_in_memory()?;
    let limits = request.limits;
    let mut settings = format!(
        "set memory_limit = '{}MiB'; set threads = {}; set temp_directory = ''; \
         set max_temp_directory_size = '0KiB'; \
         set autoinstall_known_extensions = false; set autoload_known_extensions = false; \
         set allow_community_extensions = false; set allow_unsigned_extensions = false; \
         set enable_progress_bar = false; set timezone = 'UTC'; set parquet_metadata_cache = true; ",
        limits.memory_mb, limits.threads
    );
    // Settings that this build of DuckDB does not have, or has from its start, are no loss.
    for setting in std::mem::take(&mut settings).split_inclusive(';') {
        let essential = setting.contains("memory_limit") || setting.contains("temp_directory");
        match connection.execute_batch(setting) {
            Err(error) if essential => return Err(error.into()),
            _ => {}
        }
    }
    // What is not named in the statement cannot be asked for, and each file of a view is opened to make it.
    let asked = request.sql.to_lowercase();
    for (table, files) in request.tables.iter().filter(|(table, _)| asked.contains(*table)) {
        let files = files.iter().map(|file| quoted(file)).collect::<Vec<_>>().join(", ");
        connection.execute_batch(&format!(
            "create view {table} as select * from read_parquet([{files}], union_by_name = true, \
             hive_partitioning = true, hive_types = {{'date': date, 'tenant': varchar}})"
        ))?;
    }
    let target = request.target.iter().map(|target| &target.path);
    let allowed = request.tables.values().flatten().chain(target);
    let allowed = allowed.map(|file| quoted(file)).collect::<Vec<_>>().join(", ");
    connection.execute_batch(&format!(
        "set allowed_paths = [{allowed}]; set enable_external_access = false; set lock_configuration = true;"
    ))?;
    Ok(connection)
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "''"))
}

/// Refuses what is not exactly one select statement. DuckDB's own parser decides: it writes down select statements
/// alone.
pub(crate) fn one_select(connection: &Connection, sql: &str) -> Result<(), NoAnswer> {
    let told: String =
        connection.query_row("select json_serialize_sql($1::varchar)", [sql], |row| row.get(0))?;
    let told: Value =
        serde_json::from_str(&told).map_err(|error| NoAnswer::Failed(error.to_string()))?;
    if told["error"] == Value::Bool(true) {
        let reason = told["error_message"].as_str().unwrap_or("it cannot be read");
        return Err(NoAnswer::Refused(format!("sql: must be one select statement: {reason}")));
    }
    let count = told["statements"].as_array().map_or(0, Vec::len);
    if count != 1 {
        let reason = format!("sql: must be one select statement, not {count}");
        return Err(NoAnswer::Refused(reason));
    }
    Ok(())
}
