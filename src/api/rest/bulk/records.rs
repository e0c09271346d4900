use axum::body::{Body, BodyDataStream, Bytes};
use futures::StreamExt;

use super::Form;
use crate::error::{ApiError, Code};

/// Longest record, in bytes: one that is longer is bad, and what follows it is read on.
pub(super) const MAX_RECORD_BYTES: usize = 64 * 1024;
/// What some programs put before the first line.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A record of the stream, as it came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// The line it begins on, from 1.
    pub line: u64,
    /// Its bytes; absent when it is longer than it may be or its quote is never closed.
    pub bytes: Option<Vec<u8>>,
}

/// Cuts a stream of bytes into records. In CSV a line break between quotes belongs to the cell.
pub(super) struct Records {
    stream: BodyDataStream,
    cutter: Cutter,
}

impl Records {
    pub(super) fn of(body: Body, form: Form) -> Self {
        Self { stream: body.into_data_stream(), cutter: Cutter::new(form) }
    }

    /// The next record; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Record>, ApiError> {
        loop {
            if let Some(record) = self.cutter.cut() {
                return Ok(Some(record));
            }
            if self.cutter.is_ended {
                return Ok(None);
            }
            match self.stream.next().await {
                Some(Ok(bytes)) => self.cutter.feed(&bytes),
                None => self.cutter.is_ended = true,
                Some(Err(_)) => {
                    let rule = "must be sent to its end";
                    let invalid = schema::Invalid::new("body", "broken off", rule);
                    return Err(ApiError::named(Code::Malformed, invalid));
                }
            }
        }
    }
}

/// What has come and is not yet cut.
struct Cutter {
    form: Form,
    buffer: Vec<u8>,
    line: u64,
    is_ended: bool,
}

impl Cutter {
    const fn new(form: Form) -> Self {
        Self { form, buffer: Vec::new(), line: 1, is_ended: false }
    }

    fn feed(&mut self, bytes: &Bytes) {
        self.buffer.extend_from_slice(bytes);
    }

    fn cut(&mut self) -> Option<Record> {
        if self.line == 1 && self.buffer.starts_with(BYTE_ORDER_MARK) {
            self.buffer.drain(..BYTE_ORDER_MARK.len());
        }
        if let Some(end) = self.end() {
            if end <= MAX_RECORD_BYTES {
                return Some(self.taken(end));
            }
        } else if self.buffer.len() <= MAX_RECORD_BYTES {
            let has_last = self.is_ended && !self.buffer.is_empty();
            return has_last.then(|| self.last());
        }
        // Too long: its first line alone is given up.
        let first = self.buffer.iter().position(|byte| *byte == b'\n');
        match first {
            Some(end) => Some(Record { bytes: None, ..self.taken(end) }),
            None if self.is_ended => Some(Record { bytes: None, ..self.taken(self.buffer.len()) }),
            None => {
                // The rest of the line is still to come, and nobody will want it.
                self.buffer.truncate(MAX_RECORD_BYTES + 1);
                None
            }
        }
    }

    /// Without a line break behind it; or with a quote that is never closed, whose first line is given up.
    fn last(&mut self) -> Record {
        match self.buffer.iter().position(|byte| *byte == b'\n') {
            Some(end) => Record { bytes: None, ..self.taken(end) },
            None => self.taken(self.buffer.len()),
        }
    }

    /// Where the record ends: at a line break that stands in no quotes.
    fn end(&self) -> Option<usize> {
        let mut is_quoted = false;
        self.buffer.iter().position(|byte| {
            is_quoted ^= self.form == Form::Csv && *byte == b'"';
            *byte == b'\n' && !is_quoted
        })
    }

    fn taken(&mut self, end: usize) -> Record {
        let behind = self.buffer.len().min(end + 1);
        let mut bytes: Vec<u8> = self.buffer.drain(..behind).collect();
        let line = self.line;
        self.line += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        while bytes.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            bytes.pop();
        }
        Record { line, bytes: Some(bytes) }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::{Body, Form, MAX_RECORD_BYTES, Records};

    /// Records of a text that comes in parts of so many bytes: lines and text.
    async fn cut(form: Form, text: &[u8], size: usize) -> Vec<(u64, Option<String>)> {
        let parts: Vec<_> =
            text.chunks(size).map(|part| Ok::<_, std::io::Error>(part.to_vec())).collect();
        let mut records = Records::of(Body::from_stream(futures::stream::iter(parts)), form);
        let mut found = Vec::new();
        while let Some(record) = records.next().await.unwrap() {
            found.push((record.line, record.bytes.map(|bytes| String::from_utf8(bytes).unwrap())));
        }
        found
    }

    fn some(line: u64, text: &str) -> (u64, Option<String>) {
        (line, Some(text.to_owned()))
    }

    #[tokio::test]
    async fn records_are_the_same_however_the_bytes_come() {
        let csv = b"\xef\xbb\xbfa,b\r\n1,\"two\nlines\"\n\n3,\"say \"\"x\"\"\"";
        let expected = [
            some(1, "a,b"),
            some(2, "1,\"two\nlines\""),
            some(4, ""),
            some(5, "3,\"say \"\"x\"\"\""),
        ];
        for size in [1, 2, 7, 1000] {
            assert_eq!(cut(Form::Csv, csv, size).await, expected);
        }
        let json = b"{\"a\":\"\\\"\"}\n{}\n";
        for size in [1, 3, 1000] {
            assert_eq!(
                cut(Form::Ndjson, json, size).await,
                [some(1, "{\"a\":\"\\\"\"}"), some(2, "{}")]
            );
        }
    }

    #[tokio::test]
    async fn a_quote_that_is_never_closed_costs_its_own_line_alone() {
        let csv = b"1,\"open\n2,b\n3,c\n";
        assert_eq!(cut(Form::Csv, csv, 4).await, [(1, None), some(2, "2,b"), some(3, "3,c")]);
    }

    #[tokio::test]
    async fn a_record_that_is_too_long_is_given_up_and_the_next_one_read() {
        let long = format!("{}\nb\n", "x".repeat(3 * MAX_RECORD_BYTES));
        for size in [1000, 10 * MAX_RECORD_BYTES] {
            let found = cut(Form::Ndjson, long.as_bytes(), size).await;
            assert_eq!(found, [(1, None), some(2, "b")]);
        }
        let endless = "x".repeat(3 * MAX_RECORD_BYTES);
        assert_eq!(cut(Form::Ndjson, endless.as_bytes(), 1000).await, [(1, None)]);
    }
}
