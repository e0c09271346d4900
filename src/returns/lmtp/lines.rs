use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt};
use tokio::time::timeout;

/// How long the other side may be silent (RFC 5321 §4.5.3.2.7).
const SILENCE: Duration = Duration::from_secs(300);
/// The longest command, its end included: more than RFC 5321 §4.5.3.1.4 asks for, extensions included.
const MAX_COMMAND_BYTES: usize = 2_048;

/// What came instead of a command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// A line, without its end.
    Line(String),
    /// Longer than any command; read to its end.
    TooLong,
    /// The other side has gone.
    Gone,
}

/// Reads a command.
pub(super) async fn command(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Command> {
    let mut line = Vec::new();
    let mut too_long = false;
    loop {
        let (ended, gone) = piece(from, &mut line, MAX_COMMAND_BYTES).await?;
        too_long |= line.len() >= MAX_COMMAND_BYTES;
        if ended && too_long {
            return Ok(Command::TooLong);
        }
        if ended {
            let text = String::from_utf8_lossy(&line);
            return Ok(Command::Line(text.trim_end_matches(['\r', '\n']).to_owned()));
        }
        if gone {
            return Ok(Command::Gone);
        }
        if too_long {
            line.truncate(MAX_COMMAND_BYTES);
        }
    }
}

/// Reads a message to its final dot, dots unstuffed. Only CR LF ends a line: what calls a bare LF an end of line lets
/// one message be taken for two. Nothing, when it is longer than `limit_bytes`; it is read to its end all the same.
pub(super) async fn message(
    from: &mut (impl AsyncBufRead + Unpin),
    limit_bytes: usize,
) -> io::Result<Option<Vec<u8>>> {
    let (mut whole, mut line) = (Vec::new(), Vec::new());
    let mut at_start = true;
    let mut fits = true;
    loop {
        line.clear();
        let (_, gone) = piece(from, &mut line, limit_bytes).await?;
        if gone {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if at_start && line == b".\r\n" {
            return Ok(fits.then_some(whole));
        }
        let stuffed = at_start && line.first() == Some(&b'.');
        let content = &line[usize::from(stuffed)..];
        at_start = line.ends_with(b"\r\n");
        fits &= whole.len() + content.len() <= limit_bytes;
        if fits {
            whole.extend_from_slice(content);
        } else {
            whole = Vec::new();
        }
    }
}

/// Appends what there is up to the next LF, or to about `limit_bytes`: whether the line ended, and whether nothing more
/// will come.
async fn piece(
    from: &mut (impl AsyncBufRead + Unpin),
    line: &mut Vec<u8>,
    limit_bytes: usize,
) -> io::Result<(bool, bool)> {
    loop {
        let buffer = timeout(SILENCE, from.fill_buf()).await??;
        if buffer.is_empty() {
            return Ok((false, true));
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(buffer.len(), |at| at + 1);
        line.extend_from_slice(&buffer[..taken]);
        from.consume(taken);
        if end.is_some() {
            return Ok((true, false));
        }
        if line.len() >= limit_bytes {
            return Ok((false, false));
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use super::*;

    #[tokio::test]
    async fn a_message_ends_at_a_dot_between_two_crlf_and_nowhere_else() {
        let smuggled = b"one\r\n..two\r\n.\nthree\n.\r\nfour\r\n\r\n.\r\nQUIT\r\n";
        let mut from = &smuggled[..];
        let read = message(&mut from, 1_000).await.unwrap().unwrap();
        let expected = "one\r\n.two\r\n\nthree\n.\r\nfour\r\n\r\n";
        assert_eq!(String::from_utf8(read).unwrap(), expected);
        assert_eq!(command(&mut from).await.unwrap(), Command::Line("QUIT".to_owned()));
        assert_eq!(command(&mut from).await.unwrap(), Command::Gone);
    }

    #[tokio::test]
    async fn what_is_too_long_is_read_to_its_end_and_not_kept() {
        let mut long = "x".repeat(5_000).into_bytes();
        long.extend_from_slice(b"\r\n.\r\nNOOP ");
        long.extend_from_slice("y".repeat(5_000).as_bytes());
        long.extend_from_slice(b"\r\nQUIT\r\n");
        let mut from = &long[..];
        assert_eq!(message(&mut from, 1_000).await.unwrap(), None);
        assert_eq!(command(&mut from).await.unwrap(), Command::TooLong);
        assert_eq!(command(&mut from).await.unwrap(), Command::Line("QUIT".to_owned()));
    }

    #[tokio::test]
    async fn a_message_that_breaks_off_is_none() {
        let mut from = &b"From: a\r\n\r\nhalf"[..];
        let error = message(&mut from, 1_000).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
