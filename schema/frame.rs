use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Format, Invalid};

/// What the values of a column are. A small set on purpose: each has one spelling in CSV, XLSX and Parquet.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Text of any length, UTF-8.
    Text,
    /// A whole number of 64 bits with sign.
    Integer,
    /// A finite number of IEEE 754 double precision, which is what a workbook's cell holds.
    Decimal,
    /// `true` or `false`.
    Boolean,
    /// A day of the proleptic Gregorian calendar, `2026-11-30`.
    Date,
    /// An instant in microseconds, UTC.
    Timestamp,
}

impl ColumnType {
    /// All there are.
    pub const ALL: [Self; 6] =
        [Self::Text, Self::Integer, Self::Decimal, Self::Boolean, Self::Date, Self::Timestamp];

    /// Its name in events and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
        }
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ColumnType {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            Invalid::new("type", text, format!("must be one of {known}"))
        })
    }
}

/// A column of a data frame.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ColumnSpec {
    /// Its name, as it stands in the header.
    pub name: String,
    /// What its values are.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Whether a value may be missing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nullable: bool,
}

/// What is known of a version's data frame since it was taken in: enough to decide in which formats it can be had
/// without a look at its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Frame {
    /// Name of the artifact that holds it, a CSV or Parquet file.
    pub artifact: String,
    /// How many rows it has, the header not counted.
    pub rows: u64,
    /// Its columns: as the report declares them; where it declares none, as the file has them.
    pub columns: Vec<ColumnSpec>,
    /// The longest text in it, in UTF-16 code units: what a workbook's cell is limited by.
    pub longest_text: u64,
}

impl Frame {
    /// The formats a frame comes in.
    pub const FORMATS: [Format; 2] = [Format::Csv, Format::Parquet];
    /// The formats a frame can be rendered to.
    pub const RENDERED: [Format; 3] = [Format::Csv, Format::Xlsx, Format::Parquet];
    /// Most rows below the header that a worksheet has room for (ISO/IEC 29500: 1,048,576 in all).
    pub const MAX_XLSX_ROWS: u64 = 1_048_575;
    /// Most UTF-16 code units that a worksheet's cell has room for.
    pub const MAX_XLSX_TEXT: u64 = 32_767;
    /// Most columns a frame may have; a worksheet has room for 16,384.
    pub const MAX_COLUMNS: usize = 1_024;

    /// Whether the whole of it can be had in this format.
    #[must_use]
    pub const fn fits(&self, format: Format) -> bool {
        match format {
            Format::Csv | Format::Parquet => true,
            Format::Xlsx => {
                self.rows <= Self::MAX_XLSX_ROWS && self.longest_text <= Self::MAX_XLSX_TEXT
            }
            Format::Pdf
            | Format::Json
            | Format::Html
            | Format::Text
            | Format::Zip
            | Format::Binary => false,
        }
    }

    /// What the file rendered in this format is called: the artifact's name with the format's ending.
    #[must_use]
    pub fn file_name(&self, format: Format) -> String {
        let stem = self.artifact.rsplit_once('.').map_or(self.artifact.as_str(), |(stem, _)| stem);
        let stem = if stem.is_empty() { self.artifact.as_str() } else { stem };
        format!("{stem}.{format}")
    }
}

#[cfg(test)]
mod tests {
    use super::{ColumnType, Format, Frame};

    fn frame(artifact: &str, rows: u64, longest_text: u64) -> Frame {
        Frame { artifact: artifact.to_owned(), rows, columns: vec![], longest_text }
    }

    #[test]
    fn a_workbook_is_to_be_had_up_to_its_limits_and_no_further() {
        for (rows, text, fits) in
            [(1_048_575, 32_767, true), (1_048_576, 0, false), (1, 32_768, false)]
        {
            let frame = frame("risk.csv", rows, text);
            assert_eq!(frame.fits(Format::Xlsx), fits);
            assert!(frame.fits(Format::Csv) && frame.fits(Format::Parquet));
            assert!(!frame.fits(Format::Pdf));
        }
    }

    #[test]
    fn a_rendered_file_is_called_like_the_frame() {
        for (artifact, expected) in [
            ("risk.csv", "risk.xlsx"),
            ("a.b.parquet", "a.b.xlsx"),
            ("risk", "risk.xlsx"),
            (".csv", ".csv.xlsx"),
        ] {
            assert_eq!(frame(artifact, 1, 1).file_name(Format::Xlsx), expected);
        }
    }

    #[test]
    fn an_unknown_type_is_named_with_those_there_are() {
        let told = "money".parse::<ColumnType>().map_err(|invalid| invalid.to_string());
        let rule = "must be one of text, integer, decimal, boolean, date, timestamp";
        assert_eq!(told, Err(format!("type: \"money\" {rule}")));
        assert_eq!("date".parse(), Ok(ColumnType::Date));
    }
}
