//! The program as it is started: what it is told on standard input, what it says on standard output.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

fn ask(request: &str) -> (bool, String) {
    let mut process = Command::new(env!("CARGO_BIN_EXE_waybill-duckdb"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    process.stdin.take().unwrap().write_all(request.as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

fn request(sql: &str, values: &Value, target: &Value) -> String {
    let limits = json!({ "memory_mb": 256, "threads": 1, "rows": 2 });
    json!({ "tables": {}, "sql": sql, "values": values, "limits": limits, "target": target })
        .to_string()
}

#[test]
fn it_answers_with_columns_and_rows_and_says_when_there_are_more() {
    let (fine, said) = ask(&request(
        "select range as n, $1::varchar as t from range(3) -- the end",
        &json!(["it's"]),
        &Value::Null,
    ));
    assert!(fine);
    let said: Value = serde_json::from_str(&said).unwrap();
    let expected = json!({ "rows": {
        "columns": [{ "name": "n", "kind": "BIGINT" }, { "name": "t", "kind": "VARCHAR" }],
        "rows": [{ "n": 0, "t": "it's" }, { "n": 1, "t": "it's" }],
        "is_cut": true,
    } });
    assert_eq!(said, expected);
}

#[test]
fn it_writes_an_answer_into_the_empty_file_it_is_given_as_csv_parquet_and_workbook() {
    let folder = tempfile::tempdir().unwrap();
    for format in ["csv", "parquet", "xlsx"] {
        let path = folder.path().join(format!("it's an answer.{format}"));
        std::fs::File::create_new(&path).unwrap();
        let target = json!({ "format": format, "path": path });
        let sql = "select range as n, '=1+1' as formula, null as nothing from range(5)";
        let (fine, said) = ask(&request(sql, &json!([]), &target));
        assert!(fine);
        assert_eq!(
            serde_json::from_str::<Value>(&said).unwrap(),
            json!({ "written": { "rows": 5 } })
        );
        let bytes = std::fs::read(&path).unwrap();
        let begins: &[u8] = match format {
            "csv" => b"n,formula,nothing",
            "parquet" => b"PAR1",
            _ => b"PK",
        };
        assert!(bytes.starts_with(begins), "{format}");
    }
}

#[test]
fn what_is_no_request_is_an_error_and_what_is_no_sql_is_refused() {
    assert_eq!(ask("{}"), (false, String::new()));
    let (fine, said) = ask(&request("selec 1", &json!([]), &Value::Null));
    assert!(fine);
    let said: Value = serde_json::from_str(&said).unwrap();
    let reason = said["refused"]["reason"].as_str().unwrap();
    assert!(reason.starts_with("sql: must be one select statement: syntax error"), "{reason}");
}
