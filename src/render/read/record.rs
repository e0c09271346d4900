use std::io::{BufRead, BufReader, Read};
use std::ops::Range;

use schema::Invalid;

use crate::CheckError;
use crate::limits::MAX_RECORD_BYTES;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// One value of a record: where its text stands, and whether that was quoted.
#[derive(Clone, Debug, PartialEq)]
struct Field {
    range: Range<usize>,
    is_quoted: bool,
    /// Doubled quotation marks stand in it.
    has_doubled: bool,
}

/// Records of a CSV file (RFC 4180), one at a time: commas, double quotation marks, lines that end with LF or CRLF.
/// UTF-8, with or without a byte order mark. Each fault is told with the line it stands on.
pub(super) struct Records<R> {
    input: BufReader<R>,
    /// The record's own bytes, line ends included.
    text: String,
    fields: Vec<Field>,
    /// Bytes read so far.
    offset: u64,
    /// Lines read so far.
    line: u64,
    /// Where the record begins, from 1.
    first_line: u64,
    raw: Vec<u8>,
    undoubled: String,
}

impl<R: Read> Records<R> {
    pub(super) fn open(input: R) -> Self {
        Self {
            input: BufReader::with_capacity(1024 * 1024, input),
            text: String::new(),
            fields: Vec::new(),
            offset: 0,
            line: 0,
            first_line: 0,
            raw: Vec::new(),
            undoubled: String::new(),
        }
    }

    /// On which line the record begins.
    pub(super) const fn first_line(&self) -> u64 {
        self.first_line
    }

    /// How many values it has.
    pub(super) const fn len(&self) -> usize {
        self.fields.len()
    }

    /// How many bytes it has.
    pub(super) const fn size_bytes(&self) -> usize {
        self.text.len()
    }

    /// A value of it, and whether it was quoted.
    pub(super) fn field(&mut self, at: usize) -> (&str, bool) {
        let Some(Field { range, is_quoted, has_doubled }) = self.fields.get(at).cloned() else {
            return ("", false);
        };
        if !has_doubled {
            return (&self.text[range], is_quoted);
        }
        self.undoubled.clear();
        let mut rest = &self.text[range];
        while let Some((before, behind)) = rest.split_once("\"\"") {
            self.undoubled.push_str(before);
            self.undoubled.push('"');
            rest = behind;
        }
        self.undoubled.push_str(rest);
        (&self.undoubled, is_quoted)
    }

    /// Reads the next record; false behind the last.
    pub(super) fn advance(&mut self) -> Result<bool, CheckError> {
        self.text.clear();
        self.fields.clear();
        self.first_line = self.line + 1;
        if !self.read_line()? {
            return Ok(false);
        }
        let mut from = 0;
        loop {
            let (field, end) = if self.text[from..].starts_with('"') {
                self.quoted(from)?
            } else {
                self.unquoted(from)?
            };
            self.fields.push(field);
            match self.text.as_bytes().get(end) {
                Some(b',') => from = end + 1,
                _ => return Ok(true),
            }
        }
    }

    /// The value that begins at `from`, and where it ends.
    fn unquoted(&self, from: usize) -> Result<(Field, usize), Invalid> {
        let rest = &self.text[from..];
        let length = rest.find([',', '"', '\r', '\n']).unwrap_or(rest.len());
        let end = from + length;
        match rest.as_bytes().get(length) {
            Some(b'"') => {
                let rule = "must not hold a quotation mark unless it is quoted as a whole";
                Err(self.fault(&rest[..=length], rule))
            }
            Some(b'\r') if rest.as_bytes().get(length + 1) != Some(&b'\n') => {
                let rule = "must not hold a carriage return unless it is quoted";
                Err(self.fault(&rest[..length], rule))
            }
            _ => Ok((Field { range: from..end, is_quoted: false, has_doubled: false }, end)),
        }
    }

    /// The same of a value that is quoted: it may go on over several lines.
    fn quoted(&mut self, from: usize) -> Result<(Field, usize), CheckError> {
        let opened_on = self.line;
        let begin = from + 1;
        let (mut at, mut has_doubled) = (begin, false);
        loop {
            let Some(found) = self.text[at..].find('"') else {
                at = self.text.len();
                if self.text.len() > MAX_RECORD_BYTES || !self.read_line()? {
                    let field = format!("line {opened_on}, column {}", self.fields.len() + 1);
                    let rule = "must end with the quotation mark that it begins with";
                    return Err(Invalid::new(field, &self.text[from..], rule).into());
                }
                continue;
            };
            let mark = at + found;
            match self.text.as_bytes().get(mark + 1) {
                Some(b'"') => {
                    has_doubled = true;
                    at = mark + 2;
                }
                None | Some(b',' | b'\n') => {
                    let range = begin..mark;
                    return Ok((Field { range, is_quoted: true, has_doubled }, mark + 1));
                }
                Some(b'\r') if self.text.as_bytes().get(mark + 2) == Some(&b'\n') => {
                    let range = begin..mark;
                    return Ok((Field { range, is_quoted: true, has_doubled }, mark + 1));
                }
                Some(_) => {
                    let rule = "must have nothing behind its closing quotation mark; one within is doubled";
                    let text = self.text[from..].lines().next().unwrap_or_default().to_owned();
                    return Err(self.fault(&text, rule).into());
                }
            }
        }
    }

    /// A fault of the value that comes next.
    fn fault(&self, value: &str, rule: &str) -> Invalid {
        let field = format!("line {}, column {}", self.line, self.fields.len() + 1);
        Invalid::new(field, value, rule)
    }

    /// Adds a line to the record; false at the end of the file.
    fn read_line(&mut self) -> Result<bool, CheckError> {
        self.raw.clear();
        let limit = MAX_RECORD_BYTES as u64 + 1;
        let count = (&mut self.input).take(limit).read_until(b'\n', &mut self.raw)?;
        if count == 0 {
            return Ok(false);
        }
        if self.offset == 0 {
            check_encoding(&self.raw)?;
        }
        let line = self.line + 1;
        if count > MAX_RECORD_BYTES {
            let rule = format!("must have at most {MAX_RECORD_BYTES} bytes");
            return Err(
                Invalid::new(format!("line {line}"), &format!("{count} bytes"), rule).into()
            );
        }
        let text = std::str::from_utf8(&self.raw).map_err(|error| {
            let at = error.valid_up_to();
            let value = format!("0x{:02x}", self.raw.get(at).copied().unwrap_or_default());
            let field = format!("line {line}, byte {}", self.offset + at as u64);
            Invalid::new(field, &value, "must be UTF-8")
        })?;
        if let Some(at) = text.find('\0') {
            let field = format!("line {line}, byte {}", self.offset + at as u64);
            return Err(Invalid::new(field, "0x00", "must be UTF-8 without NUL").into());
        }
        let is_first = self.offset == 0;
        let text = if is_first { text.strip_prefix('\u{feff}').unwrap_or(text) } else { text };
        self.text.push_str(text);
        self.offset += count as u64;
        self.line = line;
        Ok(true)
    }
}

/// Refuses what says by its first bytes that it is something else.
fn check_encoding(begin: &[u8]) -> Result<(), Invalid> {
    let told = |value: &str, what: &str| {
        let rule = format!("must be UTF-8; this is {what}");
        Err(Invalid::new("line 1, byte 0", value, rule))
    };
    match begin {
        [0xff, 0xfe, ..] => told("0xff 0xfe", "the byte order mark of UTF-16"),
        [0xfe, 0xff, ..] => told("0xfe 0xff", "the byte order mark of UTF-16"),
        [b'P', b'K', 3, 4, ..] => told("PK", "the beginning of a ZIP archive or a workbook"),
        [b'P', b'A', b'R', b'1', ..] => told("PAR1", "the beginning of a Parquet file"),
        [0x1f, 0x8b, ..] => told("0x1f 0x8b", "the beginning of a gzip file"),
        begin if begin == BOM => {
            Err(Invalid::new("line 1", "", "must be a header that names the columns"))
        }
        _ => Ok(()),
    }
}
