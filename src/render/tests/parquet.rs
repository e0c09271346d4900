use polars::prelude::*;
use schema::{ColumnType, Format};

use super::{checked, column, every_kind, rendered};

fn parquet(mut frame: DataFrame) -> Vec<u8> {
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).finish(&mut frame).unwrap();
    bytes
}

#[test]
fn without_a_declaration_a_parquet_file_says_what_its_columns_are() {
    let frame = df!(
        "text" => ["a", "bc"],
        "integer" => [1_i32, 2],
        "decimal" => [0.5_f32, 1.5],
        "boolean" => [true, false],
    );
    let facts = checked(&parquet(frame.unwrap()), Format::Parquet, &[]).unwrap();
    assert_eq!(facts.columns, every_kind()[..4]);
    assert_eq!((facts.rows, facts.longest_text), (2, 2));
}

#[test]
fn columns_and_types_that_differ_from_the_declaration_are_named() {
    let bytes = parquet(df!("id" => [1_i64], "name" => ["a"]).unwrap());
    let wrong = |declared: &[schema::ColumnSpec]| {
        checked(&bytes, Format::Parquet, declared).unwrap_err().to_string()
    };
    let (id, name) = (column("id", ColumnType::Text), column("name", ColumnType::Text));
    let told = r#"schema, column "id": "i64" must be text, as declared"#;
    assert_eq!(wrong(&[id.clone(), name.clone()]), told);
    let told = r#"schema, column 1: "id" must be "name", the declared column"#;
    assert_eq!(wrong(&[name, id]), told);
}

#[test]
fn a_type_that_no_frame_has_is_named() {
    let list = df!("l" => [Series::new("".into(), [1_i64])]).unwrap();
    let told = checked(&parquet(list), Format::Parquet, &[]).unwrap_err().to_string();
    assert!(told.starts_with(r#"schema, column "l": "list[i64]" must be a type"#), "{told}");
}

#[test]
fn a_value_that_is_missing_or_no_number_is_named_with_its_row() {
    let missing = parquet(df!("n" => [Some(1_i64), None]).unwrap());
    let mut declared = column("n", ColumnType::Integer);
    declared.nullable = false;
    let told = checked(&missing, Format::Parquet, &[declared]).unwrap_err().to_string();
    assert_eq!(told, r#"row 2, column "n": "" must not be missing"#);

    let odd = parquet(df!("x" => [1.0, f64::NAN]).unwrap());
    let told = checked(&odd, Format::Parquet, &[]).unwrap_err().to_string();
    assert_eq!(told, r#"row 2, column "x": "NaN" must be a finite number"#);

    let large = parquet(df!("n" => [1, u64::MAX]).unwrap());
    let told = checked(&large, Format::Parquet, &[]).unwrap_err().to_string();
    assert!(told.starts_with(r#"row 2, column "n": "18446744073709551615" must be"#), "{told}");
}

#[test]
fn instants_of_any_unit_are_taken() {
    for unit in [TimeUnit::Nanoseconds, TimeUnit::Microseconds, TimeUnit::Milliseconds] {
        let per_second = match unit {
            TimeUnit::Nanoseconds => 1_000_000_000_i64,
            TimeUnit::Microseconds => 1_000_000,
            TimeUnit::Milliseconds => 1_000,
        };
        let counts = Series::new("at".into(), [per_second * 1_500, -per_second]);
        let frame = DataFrame::new(
            2,
            vec![counts.cast(&DataType::Datetime(unit, None)).unwrap().into_column()],
        );
        let bytes = parquet(frame.unwrap());
        let columns = checked(&bytes, Format::Parquet, &[]).unwrap().columns;
        assert_eq!(columns, [column("at", ColumnType::Timestamp)]);
        let csv = rendered(&bytes, Format::Parquet, &columns, Format::Csv).unwrap();
        assert_eq!(csv, b"at\r\n1970-01-01T00:25:00Z\r\n1969-12-31T23:59:59Z\r\n");
    }
}

#[test]
fn what_is_no_parquet_file_is_refused() {
    let whole = parquet(df!("id" => [1_i64, 2, 3]).unwrap());
    for bytes in [b"id\n1\n".as_slice(), b"PAR1", &whole[..whole.len() - 20], b""] {
        let told = checked(bytes, Format::Parquet, &[]).unwrap_err().to_string();
        assert!(told.ends_with("must be a Parquet file"), "{told}");
    }
}
