use std::fs;
use std::io::{self, Write};
use std::path::Path;

use bytes::Bytes;
use schema::Sha256;
use sha2::Digest;
use tempfile::NamedTempFile;

use crate::layout::{Layout, Place};
use crate::read;

/// A file that is being taken in. Dropped before [`Draft::keep`] it leaves nothing behind.
#[derive(Default)]
pub(crate) struct Draft {
    file: Option<NamedTempFile>,
    hasher: sha2::Sha256,
    unwritten: Vec<Bytes>,
    /// How many of `unwritten` the hasher has seen.
    hashed: usize,
    unwritten_bytes: usize,
    size_bytes: u64,
}

impl Draft {
    /// Adds bytes, in memory until the next [`Draft::spill`].
    pub(crate) fn push(&mut self, chunk: Bytes) {
        self.size_bytes += chunk.len() as u64;
        self.unwritten_bytes += chunk.len();
        self.unwritten.push(chunk);
    }

    /// How many bytes came so far.
    pub(crate) const fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// How many of them are in memory.
    pub(crate) const fn unwritten_bytes(&self) -> usize {
        self.unwritten_bytes
    }

    /// Writes what is in memory to a file in `incoming`. Blocks.
    pub(crate) fn spill(mut self, incoming: &Path) -> io::Result<Self> {
        self.hash();
        self.write(incoming)?;
        Ok(self)
    }

    /// The digest of all bytes. Blocks as long as hashing takes.
    pub(crate) fn digest(&mut self) -> Sha256 {
        self.hash();
        Sha256::from_bytes(self.hasher.clone().finalize().into())
    }

    /// Puts the file at `place` for good: its bytes, then its name, are on disk when this returns. Blocks.
    pub(crate) fn keep(mut self, layout: &Layout, place: &Place) -> io::Result<()> {
        let sha256 = self.digest();
        if is_there(place.path(), self.size_bytes, sha256)? {
            // Whoever put it there may not have come to the end of this function.
            return place.sync_names();
        }
        self.write(layout.incoming())?;
        let Some(file) = self.file.take() else { return Ok(()) };
        file.as_file().sync_all()?;
        place.make_parents()?;
        file.persist(place.path()).map_err(|failed| failed.error)?;
        place.sync_names()
    }

    fn hash(&mut self) {
        for chunk in &self.unwritten[self.hashed..] {
            self.hasher.update(chunk);
        }
        self.hashed = self.unwritten.len();
    }

    fn write(&mut self, incoming: &Path) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => NamedTempFile::new_in(incoming)?,
        };
        for chunk in self.unwritten.drain(..) {
            file.write_all(&chunk)?;
        }
        self.file = Some(file);
        self.hashed = 0;
        self.unwritten_bytes = 0;
        Ok(())
    }
}

/// Whether the artifact is at `path`, whole. One that a broken disk cut short or changed is written again.
fn is_there(path: &Path, size_bytes: u64, sha256: Sha256) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(found) => Ok(found.len() == size_bytes && read::is_whole(path, sha256)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
