use std::fs;
use std::io::{self, Write};
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use schema::{Sha256, TenantId};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::draft::Draft;
use crate::layout::Layout;
use crate::{ArtifactError, ArtifactReader, ArtifactsConfig, read};

/// How much of an artifact is in memory before it is written: smaller ones reach the disk in one go.
const SPILL_BYTES: usize = 256 * 1024;
/// How much is written to find out whether the disk takes anything.
const PROBE_BYTES: usize = 64 * 1024;

/// What is known of an artifact once it is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Digest of its bytes.
    pub sha256: Sha256,
    /// How many bytes.
    pub size_bytes: u64,
}

/// Keeps artifacts in a directory. Cheap to clone; all clones are one store.
#[derive(Clone, Debug)]
pub struct ArtifactStore {
    pub(crate) layout: Arc<Layout>,
    max_bytes: u64,
    disk: Arc<Semaphore>,
}

impl ArtifactStore {
    /// Opens the directory, made when missing, and removes what processes that are gone left unfinished. Blocks
    /// shortly: meant for start-up.
    ///
    /// # Errors
    /// [`ArtifactError::Disk`] when the directory cannot be made, read or locked.
    pub fn open(config: &ArtifactsConfig) -> Result<Self, ArtifactError> {
        Ok(Self {
            layout: Arc::new(Layout::open(&config.dir)?),
            max_bytes: config.max_bytes,
            disk: Arc::new(Semaphore::new(usize::from(config.concurrent_operations))),
        })
    }

    /// Takes an artifact in. When this returns, it is on disk for good; when it fails, nothing is left. One that is
    /// there already is read, and costs no write unless it is damaged.
    ///
    /// # Errors
    /// [`ArtifactError`] when it is empty, too large, not what `expected` says, breaks off, or the disk fails.
    pub async fn put<S, E>(
        &self,
        tenant: &TenantId,
        content: S,
        expected: Option<Sha256>,
    ) -> Result<Stored, ArtifactError>
    where
        S: Stream<Item = Result<Bytes, E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut content = pin!(content);
        let mut draft = Draft::default();
        while let Some(chunk) = content.next().await {
            draft.push(chunk.map_err(|error| ArtifactError::Interrupted(error.into()))?);
            if draft.size_bytes() > self.max_bytes {
                return Err(ArtifactError::TooLarge { limit_bytes: self.max_bytes });
            }
            if draft.unwritten_bytes() >= SPILL_BYTES {
                draft = self.on_disk(move |layout| draft.spill(layout.incoming())).await?;
            }
        }
        if draft.size_bytes() == 0 {
            return Err(ArtifactError::Empty);
        }
        let tenant = tenant.clone();
        self.on_disk(move |layout| keep(layout, &tenant, draft, expected)).await
    }

    /// Takes an artifact in that is in memory already.
    ///
    /// # Errors
    /// As [`ArtifactStore::put`].
    pub async fn put_bytes(
        &self,
        tenant: &TenantId,
        content: Bytes,
        expected: Option<Sha256>,
    ) -> Result<Stored, ArtifactError> {
        let content = futures::stream::iter([Ok::<_, io::Error>(content)]);
        self.put(tenant, content, expected).await
    }

    /// Takes in what is in memory already and must not be lost, however large it is: a message that nobody can use.
    ///
    /// # Errors
    /// [`ArtifactError::Empty`], or the disk's.
    pub async fn put_whole(
        &self,
        tenant: &TenantId,
        content: Bytes,
    ) -> Result<Stored, ArtifactError> {
        let unlimited = Self { max_bytes: u64::MAX, ..self.clone() };
        unlimited.put_bytes(tenant, content, None).await
    }

    /// Hands an artifact out in pieces, its digest verified on the way: the last piece is held back until the whole
    /// is known to be right.
    ///
    /// # Errors
    /// [`ArtifactError::NotFound`], or the disk's.
    pub async fn open_read(
        &self,
        tenant: &TenantId,
        sha256: Sha256,
    ) -> Result<ArtifactReader, ArtifactError> {
        let place = self.layout.place(tenant, &sha256);
        self.on_disk(move |_| read::open(place.path(), sha256)).await
    }

    /// The whole artifact, verified.
    ///
    /// # Errors
    /// [`ArtifactError::NotFound`]; [`ArtifactError::TooLarge`] when it has more than `limit_bytes`;
    /// [`ArtifactError::Damaged`] when its bytes are not what was stored; or the disk's.
    pub async fn read_all(
        &self,
        tenant: &TenantId,
        sha256: Sha256,
        limit_bytes: u64,
    ) -> Result<Bytes, ArtifactError> {
        let place = self.layout.place(tenant, &sha256);
        self.on_disk(move |_| read::whole(place.path(), sha256, limit_bytes)).await
    }

    /// How large the artifact is; `None` when the tenant has no such one.
    ///
    /// # Errors
    /// The disk's.
    pub async fn size(
        &self,
        tenant: &TenantId,
        sha256: Sha256,
    ) -> Result<Option<u64>, ArtifactError> {
        let place = self.layout.place(tenant, &sha256);
        self.on_disk(move |_| match fs::metadata(place.path()) {
            Ok(found) => Ok(Some(found.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    /// Whether the tenant has the artifact.
    ///
    /// # Errors
    /// The disk's.
    pub async fn exists(&self, tenant: &TenantId, sha256: Sha256) -> Result<bool, ArtifactError> {
        Ok(self.size(tenant, sha256).await?.is_some())
    }

    /// Whether an artifact could be taken in now: writes a small file to the disk and leaves nothing.
    ///
    /// # Errors
    /// [`ArtifactError::DiskFull`], or what else the disk says.
    pub async fn probe(&self) -> Result<(), ArtifactError> {
        self.on_disk(|layout| {
            let mut file = tempfile::NamedTempFile::new_in(layout.incoming())?;
            file.write_all(&[0; PROBE_BYTES])?;
            file.as_file().sync_all()
        })
        .await
    }

    /// Runs `work` on a blocking thread, within the bound on disk operations.
    pub(crate) async fn on_disk<T, E, F>(&self, work: F) -> Result<T, ArtifactError>
    where
        T: Send + 'static,
        E: Into<ArtifactError> + Send + 'static,
        F: FnOnce(&Layout) -> Result<T, E> + Send + 'static,
    {
        let closed = |error| ArtifactError::Disk(io::Error::other(error));
        let permit = self.disk.clone().acquire_owned().await;
        let permit = permit.map_err(|error| closed(error.to_string()))?;
        let layout = self.layout.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work(&layout)
        });
        done.await.map_err(|error| closed(error.to_string()))?.map_err(Into::into)
    }
}

fn keep(
    layout: &Layout,
    tenant: &TenantId,
    mut draft: Draft,
    expected: Option<Sha256>,
) -> Result<Stored, ArtifactError> {
    let actual = draft.digest();
    if let Some(expected) = expected.filter(|expected| *expected != actual) {
        return Err(ArtifactError::DigestDiffers { expected, actual });
    }
    let stored = Stored { sha256: actual, size_bytes: draft.size_bytes() };
    draft.keep(layout, &layout.place(tenant, &actual))?;
    Ok(stored)
}
