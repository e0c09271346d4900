use std::io::{self, Write};

/// Lets so many bytes through and no more.
pub(super) struct Bounded<W> {
    out: W,
    left: u64,
    is_full: bool,
}

impl<W: Write> Bounded<W> {
    pub(super) const fn new(out: W, limit: u64) -> Self {
        Self { out, left: limit, is_full: false }
    }

    /// Whether more was written than may be.
    pub(super) const fn is_full(&self) -> bool {
        self.is_full
    }
}

impl<W: Write> Write for Bounded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.left {
            self.is_full = true;
            return Err(io::Error::other("the rendered file is too large"));
        }
        let count = self.out.write(bytes)?;
        self.left -= count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use super::{Bounded, Write};

    #[test]
    fn what_is_over_the_limit_is_refused_and_known_as_such() {
        let mut bytes = Vec::new();
        let mut out = Bounded::new(&mut bytes, 5);
        out.write_all(b"12345").unwrap();
        assert!(!out.is_full());
        assert!(out.write_all(b"6").is_err());
        assert!(out.is_full());
        assert_eq!(bytes, b"12345");
    }
}
