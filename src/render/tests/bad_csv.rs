use schema::{ColumnType, Format};

use super::{checked, column, every_kind, rendered, wrong};
use crate::MAX_RECORD_BYTES;

#[test]
fn a_header_that_differs_from_the_declaration_is_named_column_by_column() {
    let declared = [column("id", ColumnType::Integer), column("name", ColumnType::Text)];
    for (csv, told) in [
        ("id\n", r#"line 1, column 2: "" must be "name", the declared column"#),
        ("name,id\n", r#"line 1, column 1: "name" must be "id", the declared column"#),
        ("id,name,x\n", r#"line 1, column 3: "x" must not be there: 2 columns are declared"#),
        ("ID,name\n", r#"line 1, column 1: "ID" must be "id", the declared column"#),
        ("id;name\n", r#"line 1, column 1: "id;name" must be "id", the declared column"#),
        ("", r#"line 1: "" must be a header that names the columns"#),
        ("\u{feff}", r#"line 1: "" must be a header that names the columns"#),
    ] {
        assert_eq!(wrong(csv, &declared), told, "{csv:?}");
    }
}

#[test]
fn a_value_of_another_type_is_named_with_line_and_column() {
    for (kind, values, rule) in [
        (
            ColumnType::Integer,
            vec!["1.5", "x", "9223372036854775808", " 1"],
            "must be a whole number of 64 bits",
        ),
        (
            ColumnType::Decimal,
            vec!["12,5", "NaN", "inf", "1e999"],
            "must be a finite number such as -12.5 or 1e6",
        ),
        (ColumnType::Boolean, vec!["1", "yes"], "must be true or false"),
        (
            ColumnType::Date,
            vec!["30.11.2026", "2026-02-30", "2026-1-1"],
            "must be a day such as 2026-11-30",
        ),
        (
            ColumnType::Timestamp,
            vec!["2026-11-30", "2026-11-30T25:00:00Z", "12:00"],
            "must be an instant such as 2026-11-30T12:00:00Z (RFC 3339; UTC without an offset)",
        ),
    ] {
        for value in values {
            let csv = format!("a,b\n\"two\nlines\",\nx,\"{value}\"\n");
            let declared = [column("a", ColumnType::Text), column("b", kind)];
            let told = format!("line 4, column \"b\": {value:?} {rule}");
            assert_eq!(wrong(&csv, &declared), told);
        }
    }
}

#[test]
fn a_value_that_may_not_be_missing_is() {
    let mut declared = every_kind();
    declared.iter_mut().for_each(|spec| spec.nullable = false);
    let csv =
        "text,integer,decimal,boolean,date,timestamp\n,1,1,true,2026-01-01,2026-01-01T00:00:00Z\n";
    assert_eq!(wrong(csv, &declared), r#"line 2, column "text": "" must not be missing"#);
    // An empty text that says so is a text; nothing else is empty.
    let quoted = csv.replace("\n,1", "\n\"\",1");
    assert_eq!(checked(quoted.as_bytes(), Format::Csv, &declared).unwrap().rows, 1);
    let empty = csv.replace("\n,1", "\n\"\",\"\"");
    assert_eq!(wrong(empty, &declared), r#"line 2, column "integer": "" must not be missing"#);
}

#[test]
fn quotation_marks_gone_wrong_are_named_with_the_line() {
    let end = "must end with the quotation mark that it begins with";
    let inside = "must not hold a quotation mark unless it is quoted as a whole";
    let behind = "must have nothing behind its closing quotation mark; one within is doubled";
    for (csv, told) in [
        ("a,b\n1,\"2\n3,4\n", format!(r#"line 2, column 2: "\"2\n3,4\n" {end}"#)),
        ("a,b\n1,2\"\n", format!(r#"line 2, column 2: "2\"" {inside}"#)),
        ("a,b\n1,\"2\" \n", format!(r#"line 2, column 2: "\"2\" " {behind}"#)),
        ("a,b\n\"x\ny\",\"2\"3\n", format!(r#"line 3, column 2: "\"2\"3" {behind}"#)),
    ] {
        assert_eq!(wrong(csv, &[]), told, "{csv:?}");
    }
}

#[test]
fn a_quotation_mark_that_is_never_closed_costs_no_more_than_a_record_may() {
    let csv = format!("a\n\"{}", "x\n".repeat(MAX_RECORD_BYTES));
    let told = wrong(csv, &[]);
    assert!(told.starts_with("line 2, column 1: \"\\\"x\\nx"), "{told}");
    assert!(told.ends_with("must end with the quotation mark that it begins with"), "{told}");
    let line = format!("a\n{}", "x".repeat(MAX_RECORD_BYTES + 1));
    let told =
        format!("line 2: \"{} bytes\" must have at most 8388608 bytes", MAX_RECORD_BYTES + 1);
    assert_eq!(wrong(line, &[]), told);
}

#[test]
fn lines_of_another_length_than_the_header_are_named() {
    for (csv, told) in [
        ("a,b\n1,2\n3\n", r#"line 3: "1 values" must be 2, as in the header"#),
        ("a,b\r\n1,2,3\r\n", r#"line 2: "3 values" must be 2, as in the header"#),
        ("a,b\n1,2\n\n", r#"line 3: "1 values" must be 2, as in the header"#),
    ] {
        assert_eq!(wrong(csv, &[]), told);
    }
    let told = r#"line 2, column 1: "1" must not hold a carriage return unless it is quoted"#;
    assert_eq!(wrong("a\n1\r2\n", &[]), told);
}

#[test]
fn a_byte_order_mark_of_utf_8_is_taken_off() {
    let declared = [column("id", ColumnType::Integer)];
    let facts = checked(b"\xef\xbb\xbfid\n1\n", Format::Csv, &declared).unwrap();
    assert_eq!((facts.rows, facts.columns), (1, declared.to_vec()));
    let again = rendered(b"\xef\xbb\xbfid\n1\n", Format::Csv, &declared, Format::Csv);
    assert_eq!(again.unwrap(), b"id\r\n1\r\n");
}

#[test]
fn other_encodings_are_refused_where_they_show() {
    let utf_16: Vec<u8> = "id\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let with_mark = [b"\xff\xfe".as_slice(), &utf_16].concat();
    for (bytes, told) in [
        (
            with_mark.as_slice(),
            r#"line 1, byte 0: "0xff 0xfe" must be UTF-8; this is the byte order mark of UTF-16"#,
        ),
        (utf_16.as_slice(), r#"line 1, byte 1: "0x00" must be UTF-8 without NUL"#),
        (b"id,name\n1,M\xfcller\n", r#"line 2, byte 11: "0xfc" must be UTF-8"#),
        (
            b"PK\x03\x04...",
            r#"line 1, byte 0: "PK" must be UTF-8; this is the beginning of a ZIP archive or a workbook"#,
        ),
        (
            b"PAR1...",
            r#"line 1, byte 0: "PAR1" must be UTF-8; this is the beginning of a Parquet file"#,
        ),
        (
            b"\x1f\x8b\x08...",
            r#"line 1, byte 0: "0x1f 0x8b" must be UTF-8; this is the beginning of a gzip file"#,
        ),
    ] {
        assert_eq!(wrong(bytes, &[]), told);
    }
}

#[test]
fn a_header_without_a_declaration_must_name_each_column_once() {
    for (csv, told) in [
        ("a,a\n", r#"line 1, column 2: "a" must not be the name of another column"#),
        ("a,\n", r#"line 1, column 2: "" must be 1 to 256 bytes on one line"#),
    ] {
        let said = wrong(csv, &[]);
        let (place, _) = told.split_once(" must").unwrap();
        assert!(said.starts_with(place), "{said}");
    }
    let many = (0..1_025).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",");
    assert_eq!(wrong(many, &[]), r#"line 1: "1025" must be 1 to 1024 columns"#);
}

#[test]
fn a_format_that_holds_no_frame_is_refused() {
    let told = checked(b"%PDF", Format::Pdf, &[]).unwrap_err().to_string();
    assert_eq!(told, r#"format: "pdf" must be csv or parquet"#);
}

#[test]
fn without_a_declaration_every_column_of_a_csv_file_is_text() {
    let facts = checked(b"code,n\n007,\n", Format::Csv, &[]).unwrap();
    let columns = [column("code", ColumnType::Text), column("n", ColumnType::Text)];
    assert_eq!((facts.rows, facts.columns, facts.longest_text), (1, columns.to_vec(), 3));
}
