use polars::prelude::DataFrame;
use proptest::prelude::*;
use schema::{ColumnSpec, Format};

use super::{checked, column, every_kind, file, rendered};
use crate::read::Batches;
use schema::ColumnType;

/// A CSV file as a careless program writes it: quoted or not, CRLF or LF.
fn written(rows: &[Row], style: u8) -> String {
    let end = if style & 1 == 0 { "\n" } else { "\r\n" };
    let mut csv = format!("text,integer,decimal,boolean,date,timestamp{end}");
    for (text, integer, decimal, boolean, day, instant) in rows {
        let quoted = text.as_ref().map(|text| format!("\"{}\"", text.replace('"', "\"\"")));
        let day = day.and_then(chrono::NaiveDate::from_epoch_days).map(|day| day.to_string());
        let instant = instant.and_then(chrono::DateTime::from_timestamp_micros);
        let instant = instant.map(|instant| instant.to_rfc3339());
        let of = |value: Option<String>| value.unwrap_or_default();
        let values = [
            of(quoted),
            of(integer.map(|value| value.to_string())),
            of(decimal.map(|value| format!("{value:e}"))),
            of(boolean.map(|value| value.to_string())),
            of(day),
            of(instant),
        ];
        csv.push_str(&values.join(","));
        csv.push_str(end);
    }
    csv
}

type Row = (Option<String>, Option<i64>, Option<f64>, Option<bool>, Option<i32>, Option<i64>);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let text = proptest::option::of("[a-zäß,;\"\r\n\t 'x-]{0,12}");
    let decimal =
        proptest::option::of(any::<f64>().prop_filter("finite", |value| value.is_finite()));
    let day = proptest::option::of(-100_000_i32..100_000);
    let instant = proptest::option::of(-4_000_000_000_000_000_i64..4_000_000_000_000_000);
    let row = (
        text,
        proptest::option::of(any::<i64>()),
        decimal,
        proptest::option::of(any::<bool>()),
        day,
        instant,
    );
    proptest::collection::vec(row, 0..40)
}

/// All batches as one.
fn read(bytes: &[u8], format: Format, columns: &[ColumnSpec]) -> Option<DataFrame> {
    let mut batches = Batches::open(file(bytes), format, columns).unwrap();
    let mut whole: Option<DataFrame> = None;
    while let Some(batch) = batches.next().unwrap() {
        whole = Some(match whole {
            None => batch,
            Some(before) => before.vstack(&batch).unwrap(),
        });
    }
    whole
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// No text here begins like a formula, so nothing is changed on the way.
    #[test]
    fn a_frame_is_the_same_from_csv_over_csv_and_parquet(rows in rows(), style in 0_u8..2) {
        let (columns, csv) = (every_kind(), written(&rows, style));
        let rows: Vec<Row> = rows.into_iter().map(|mut row| {
            row.0 = row.0.map(|text| text.trim_start_matches(['\t', '\r', '-']).to_owned());
            row
        }).collect();
        let plain = written(&rows, style);
        let facts = checked(csv.as_bytes(), Format::Csv, &columns).unwrap();
        prop_assert_eq!(facts.rows, rows.len() as u64);
        let original = read(plain.as_bytes(), Format::Csv, &columns);
        for format in [Format::Csv, Format::Parquet] {
            let bytes = rendered(plain.as_bytes(), Format::Csv, &columns, format).unwrap();
            prop_assert_eq!(checked(&bytes, format, &columns).unwrap().rows, rows.len() as u64);
            let again = read(&bytes, format, &columns);
            match (&original, &again) {
                (Some(original), Some(again)) => prop_assert!(original.equals_missing(again)),
                (original, again) => prop_assert_eq!(original.is_none(), again.is_none()),
            }
            // And from there on not a byte changes any more.
            let twice = rendered(&bytes, format, &columns, format).unwrap();
            prop_assert_eq!(bytes, twice);
        }
    }
}

#[test]
fn many_batches_are_one_file() {
    let columns = [column("n", ColumnType::Integer), column("t", ColumnType::Text)];
    let mut csv = String::from("n,t\n");
    (0..300_000).for_each(|n| csv.push_str(&format!("{n},row {n}\n")));
    let facts = checked(csv.as_bytes(), Format::Csv, &columns).unwrap();
    assert_eq!((facts.rows, facts.longest_text), (300_000, 10));
    let parquet = rendered(csv.as_bytes(), Format::Csv, &columns, Format::Parquet).unwrap();
    assert_eq!(checked(&parquet, Format::Parquet, &columns).unwrap(), facts);
    let again = rendered(&parquet, Format::Parquet, &columns, Format::Csv).unwrap();
    assert_eq!(String::from_utf8(again).unwrap(), csv.replace('\n', "\r\n"));
}

#[test]
fn texts_that_begin_like_a_formula_are_neutralised_in_csv_and_numbers_are_not() {
    let columns = [column("=cmd", ColumnType::Text), column("n", ColumnType::Integer)];
    let csv = b"=cmd,n\n\"=HYPERLINK(\"\"x\"\")\",-5\n+1,7\n@a,\n";
    let again = rendered(csv, Format::Csv, &columns, Format::Csv).unwrap();
    let told = String::from_utf8(again).unwrap();
    assert_eq!(told, "'=cmd,n\r\n\"'=HYPERLINK(\"\"x\"\")\",-5\r\n'+1,7\r\n'@a,\r\n");
}

#[test]
fn a_frame_without_rows_is_a_header() {
    let columns = every_kind();
    let csv = written(&[], 0);
    for format in [Format::Csv, Format::Parquet] {
        let bytes = rendered(csv.as_bytes(), Format::Csv, &columns, format).unwrap();
        let facts = checked(&bytes, format, &columns).unwrap();
        assert_eq!((facts.rows, facts.columns), (0, columns.clone()));
    }
}

#[test]
fn the_same_frame_is_the_same_bytes_in_every_format() {
    let columns = every_kind();
    let row = (Some("=x".to_owned()), Some(1), Some(0.1), Some(true), Some(20_000), Some(1));
    let csv = written(&vec![row; 1_000], 0);
    for format in [Format::Csv, Format::Xlsx, Format::Parquet] {
        let once = rendered(csv.as_bytes(), Format::Csv, &columns, format).unwrap();
        let twice = rendered(csv.as_bytes(), Format::Csv, &columns, format).unwrap();
        assert!(once == twice, "{format}");
    }
}
