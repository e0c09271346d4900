use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use schema::{Sha256, TenantId};
use sha2::Digest;
use tempfile::NamedTempFile;

use crate::layout::{Layout, Note};
use crate::store::Stored;
use crate::{ArtifactError, ArtifactStore, read};

/// Why nothing was derived from an artifact.
#[derive(Debug, thiserror::Error)]
pub enum DeriveError<E> {
    /// The store did not do its part.
    #[error(transparent)]
    Store(#[from] ArtifactError),
    /// Whoever derives it could not.
    #[error("{0}")]
    Made(E),
}

impl<E> From<io::Error> for DeriveError<E> {
    fn from(error: io::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Where a file is derived: the artifact, whole and verified; the file to write; a directory for what is not finished,
/// on the same disk.
#[derive(Debug)]
pub struct Workbench<'b> {
    /// The artifact.
    pub from: File,
    /// What it becomes.
    pub into: &'b File,
    /// For temporary files.
    pub dir: &'b Path,
}

impl ArtifactStore {
    /// The note called `name` that was left about something derived before.
    ///
    /// # Errors
    /// The disk's.
    pub async fn note(
        &self,
        tenant: &TenantId,
        name: &str,
    ) -> Result<Option<String>, ArtifactError> {
        let note = self.layout.note(tenant, name);
        self.on_disk(move |_| note.read()).await
    }

    /// The file that was derived under `name` before, if it is still there.
    ///
    /// # Errors
    /// The disk's.
    pub async fn derived(
        &self,
        tenant: &TenantId,
        name: &str,
    ) -> Result<Option<Stored>, ArtifactError> {
        let (note, tenant) = (self.layout.note(tenant, name), tenant.clone());
        self.on_disk(move |layout| found(layout, &tenant, &note)).await
    }

    /// What `read` says of the artifact `from`, asked once: on this node and on every other that shares the directory,
    /// now and after a restart. `read` runs on a blocking thread and is not stopped when the caller goes away. What it
    /// fails with is not remembered.
    ///
    /// # Errors
    /// [`DeriveError`].
    pub async fn learn<E, F>(
        &self,
        tenant: &TenantId,
        from: Sha256,
        name: &str,
        read: F,
    ) -> Result<String, DeriveError<E>>
    where
        E: Send + 'static,
        F: FnOnce(File) -> Result<String, E> + Send + 'static,
    {
        let (note, tenant) = (self.layout.note(tenant, name), tenant.clone());
        self.alone(from, move |layout| {
            if let Some(text) = note.read()? {
                return Ok(text);
            }
            let text = read(verified(layout, &tenant, from)?).map_err(DeriveError::Made)?;
            note.write(layout, &text)?;
            Ok(text)
        })
        .await
    }

    /// The file that `make` makes of the artifact `from`, made once: on this node and on every other that shares the
    /// directory, now and after a restart. It becomes an artifact of the tenant like any other. `make` runs on a
    /// blocking thread and is not stopped when the caller goes away; what it leaves unfinished is removed.
    ///
    /// # Errors
    /// [`DeriveError`].
    pub async fn derive<E, F>(
        &self,
        tenant: &TenantId,
        from: Sha256,
        name: &str,
        make: F,
    ) -> Result<Stored, DeriveError<E>>
    where
        E: Send + 'static,
        F: FnOnce(Workbench<'_>) -> Result<(), E> + Send + 'static,
    {
        let (note, tenant) = (self.layout.note(tenant, name), tenant.clone());
        self.alone(from, move |layout| {
            if let Some(stored) = found(layout, &tenant, &note)? {
                return Ok(stored);
            }
            let from = verified(layout, &tenant, from)?;
            let file = NamedTempFile::new_in(layout.incoming())?;
            let workbench = Workbench { from, into: file.as_file(), dir: layout.incoming() };
            make(workbench).map_err(DeriveError::Made)?;
            let stored = keep(layout, &tenant, file)?;
            let text = serde_json::to_string(&stored);
            note.write(layout, &text.map_err(io::Error::other)?)?;
            Ok(stored)
        })
        .await
    }

    /// Forgets what was derived under `name`: the next who asks has it made again.
    ///
    /// # Errors
    /// The disk's.
    pub async fn forget(&self, tenant: &TenantId, name: &str) -> Result<(), ArtifactError> {
        let note = self.layout.note(tenant, name);
        self.on_disk(move |_| note.remove()).await
    }

    /// Runs `work` on a blocking thread while nobody else, on whichever node, derives anything from the artifact.
    async fn alone<T, E, F>(&self, from: Sha256, work: F) -> Result<T, DeriveError<E>>
    where
        T: Send + 'static,
        E: Send + 'static,
        F: FnOnce(&Layout) -> Result<T, DeriveError<E>> + Send + 'static,
    {
        let layout = self.layout.clone();
        let done = tokio::task::spawn_blocking(move || {
            let gate = layout.gate(&from)?;
            gate.lock()?;
            let done = work(&layout);
            gate.unlock()?;
            done
        });
        done.await.map_err(|error| ArtifactError::Disk(io::Error::other(error)))?
    }
}

/// Opens the artifact once its bytes are known to be those that were stored. Blocks as long as reading takes.
fn verified<E>(layout: &Layout, tenant: &TenantId, from: Sha256) -> Result<File, DeriveError<E>> {
    let place = layout.place(tenant, &from);
    let file = File::open(place.path()).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ArtifactError::NotFound { sha256: from },
        _ => error.into(),
    })?;
    if !read::is_whole(place.path(), from) {
        return Err(ArtifactError::Damaged { sha256: from }.into());
    }
    Ok(file)
}

fn found(layout: &Layout, tenant: &TenantId, note: &Note) -> io::Result<Option<Stored>> {
    let Some(text) = note.read()? else { return Ok(None) };
    // A note that says nothing is written anew with the file.
    let Ok(stored) = serde_json::from_str::<Stored>(&text) else { return Ok(None) };
    let size = fs::metadata(layout.place(tenant, &stored.sha256).path()).map(|found| found.len());
    Ok(size.is_ok_and(|size| size == stored.size_bytes).then_some(stored))
}

/// Puts a finished file at its place for good.
fn keep(layout: &Layout, tenant: &TenantId, file: NamedTempFile) -> io::Result<Stored> {
    file.as_file().sync_all()?;
    let (sha256, size_bytes) = digest(file.path())?;
    let place = layout.place(tenant, &sha256);
    place.make_parents()?;
    file.persist(place.path()).map_err(|failed| failed.error)?;
    place.sync_names()?;
    Ok(Stored { sha256, size_bytes })
}

fn digest(path: &Path) -> io::Result<(Sha256, u64)> {
    let mut file = File::open(path)?;
    let mut hasher = sha2::Sha256::default();
    let mut piece = vec![0; 128 * 1024];
    let mut size_bytes = 0;
    loop {
        let count = file.read(&mut piece)?;
        if count == 0 {
            return Ok((Sha256::from_bytes(hasher.finalize().into()), size_bytes));
        }
        hasher.update(&piece[..count]);
        size_bytes += count as u64;
    }
}

impl Note {
    fn read(&self) -> io::Result<Option<String>> {
        match fs::read_to_string(self.path()) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the note beside its place, then renames it: it is whole or not there.
    fn write(&self, layout: &Layout, text: &str) -> io::Result<()> {
        let mut file = NamedTempFile::new_in(layout.incoming())?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        let dir = self.path().parent().unwrap_or(Path::new("."));
        fs::create_dir_all(dir)?;
        file.persist(self.path()).map_err(|failed| failed.error)?;
        File::open(dir)?.sync_all()
    }

    fn remove(&self) -> io::Result<()> {
        match fs::remove_file(self.path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
