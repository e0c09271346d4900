use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use schema::Sha256;
use sha2::Digest;

use crate::ArtifactError;

/// Size of the pieces an artifact is handed out in.
const PIECE_BYTES: u64 = 128 * 1024;

/// An artifact's bytes in pieces. Ends with an error instead of the last piece when the whole is not what was stored.
pub struct ArtifactReader {
    size_bytes: u64,
    pieces: BoxStream<'static, Result<Bytes, ArtifactError>>,
}

impl ArtifactReader {
    /// How many bytes the artifact has.
    #[must_use]
    pub const fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
}

impl Stream for ArtifactReader {
    type Item = Result<Bytes, ArtifactError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.pieces.poll_next_unpin(context)
    }
}

/// A file that is being read, with the digest of what was read so far.
struct Reading {
    file: File,
    hasher: sha2::Sha256,
    sha256: Sha256,
    left: u64,
}

impl Reading {
    /// The next piece, or `None` at the end. Blocks.
    fn next(mut self) -> Result<Option<(Bytes, Self)>, ArtifactError> {
        if self.left == 0 {
            return Ok(None);
        }
        let mut piece = vec![0; self.left.min(PIECE_BYTES) as usize];
        self.file.read_exact(&mut piece).map_err(|error| self.cut_short(error))?;
        self.hasher.update(&piece);
        self.left -= piece.len() as u64;
        if self.left == 0 {
            verify(self.sha256, self.hasher.clone())?;
        }
        Ok(Some((piece.into(), self)))
    }

    fn cut_short(&self, error: io::Error) -> ArtifactError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => ArtifactError::Damaged { sha256: self.sha256 },
            _ => error.into(),
        }
    }
}

/// Opens the artifact at `path`. Blocks.
pub(crate) fn open(path: &Path, sha256: Sha256) -> Result<ArtifactReader, ArtifactError> {
    let reading = start(path, sha256)?;
    let size_bytes = reading.left;
    let pieces = stream::try_unfold(reading, |reading| async {
        tokio::task::spawn_blocking(|| reading.next())
            .await
            .map_err(|error| ArtifactError::Disk(io::Error::other(error)))?
    });
    Ok(ArtifactReader { size_bytes, pieces: pieces.boxed() })
}

/// Reads the whole artifact at `path`. Blocks.
pub(crate) fn whole(path: &Path, sha256: Sha256, limit: u64) -> Result<Bytes, ArtifactError> {
    let mut reading = start(path, sha256)?;
    if reading.left > limit {
        return Err(ArtifactError::TooLarge { limit_bytes: limit });
    }
    let mut bytes = vec![0; reading.left as usize];
    reading.file.read_exact(&mut bytes).map_err(|error| reading.cut_short(error))?;
    reading.hasher.update(&bytes);
    verify(sha256, reading.hasher)?;
    Ok(bytes.into())
}

/// Whether the file at `path` can be read to its end and has this digest. Blocks as long as that takes.
pub(crate) fn is_whole(path: &Path, sha256: Sha256) -> bool {
    let mut reading = start(path, sha256);
    loop {
        match reading.and_then(Reading::next) {
            Ok(Some((_, rest))) => reading = Ok(rest),
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

fn start(path: &Path, sha256: Sha256) -> Result<Reading, ArtifactError> {
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ArtifactError::NotFound { sha256 },
        _ => error.into(),
    })?;
    let left = file.metadata()?.len();
    if left == 0 {
        return Err(ArtifactError::Damaged { sha256 });
    }
    Ok(Reading { file, hasher: sha2::Sha256::default(), sha256, left })
}

fn verify(sha256: Sha256, hasher: sha2::Sha256) -> Result<(), ArtifactError> {
    if Sha256::from_bytes(hasher.finalize().into()) != sha256 {
        return Err(ArtifactError::Damaged { sha256 });
    }
    Ok(())
}
