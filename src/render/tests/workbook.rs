use schema::{ColumnType, Format, Frame};
use serde_json::json;

use super::{column, every_kind, python, rendered};

/// openpyxl shares no code with what writes the file.
const READ: &str = r#"
import datetime, json, sys
from openpyxl import load_workbook
book = load_workbook(sys.argv[1])
sheet = book.active
def plain(cell):
    value = cell.value
    if isinstance(value, (datetime.datetime, datetime.date)):
        value = value.isoformat()
    return [cell.data_type, value]
print(json.dumps({
    "rows": [[plain(cell) for cell in row] for row in sheet.iter_rows()],
    "bold": [cell.font.bold for cell in sheet[1]],
    "frozen": sheet.freeze_panes,
    "created": book.properties.created.isoformat(),
    "formulas": sum(cell.data_type == "f" for row in sheet.iter_rows() for cell in row),
}))
"#;

fn opened(csv: &str, columns: &[schema::ColumnSpec]) -> serde_json::Value {
    let bytes = rendered(csv.as_bytes(), Format::Csv, columns, Format::Xlsx).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("frame.xlsx");
    std::fs::write(&path, bytes).unwrap();
    python(READ, &path)
}

#[test]
fn a_workbook_holds_values_of_their_types_and_no_formula() {
    let csv = "text,integer,decimal,boolean,date,timestamp\n\
               \"=1+1\",-5,0.1,true,2026-11-30,2026-11-30T12:34:56.789Z\n\
               @SUM(A1),9007199254740993,1e300,false,1900-02-28,1850-01-01T00:00:00Z\n\
               \"a <b> & \"\"c\"\"\nd\u{1}_x0041_ é 😀\",999999999999999,,,1900-03-01,\n";
    let read = opened(csv, &every_kind());
    let head = ColumnType::ALL.map(|kind| json!(["s", kind.as_str()]));
    let rows = json!([
        head,
        [
            ["s", "=1+1"],
            ["n", -5],
            ["n", 0.1],
            ["b", true],
            ["d", "2026-11-30T00:00:00"],
            ["d", "2026-11-30T12:34:56.789000"]
        ],
        [
            ["s", "@SUM(A1)"],
            ["s", "9007199254740993"],
            ["n", 1e300],
            ["b", false],
            ["s", "1900-02-28"],
            ["s", "1850-01-01T00:00:00Z"]
        ],
        [
            ["s", "a <b> & \"c\"\nd_x0001__x005F_x0041_ é 😀"],
            ["n", 999_999_999_999_999_i64],
            ["n", null],
            ["n", null],
            ["d", "1900-03-01T00:00:00"],
            ["n", null]
        ],
    ]);
    assert_eq!(read["rows"], rows);
    assert_eq!(read["formulas"], 0);
    assert_eq!(read["bold"], json!([true, true, true, true, true, true]));
    assert_eq!((&read["frozen"], &read["created"]), (&json!("A2"), &json!("2000-01-01T00:00:00")));
}

#[test]
fn a_frame_over_the_row_limit_is_no_workbook() {
    let columns = [column("n", ColumnType::Integer)];
    let mut csv = String::from("n\n");
    (0..=Frame::MAX_XLSX_ROWS).for_each(|_| csv.push_str("1\n"));
    let told = rendered(csv.as_bytes(), Format::Csv, &columns, Format::Xlsx).unwrap_err();
    let rule = "the frame cannot be written: a worksheet has room for 1048575 rows";
    assert_eq!((told.to_string().as_str(), told.code()), (rule, "render.unwritable"));
}
