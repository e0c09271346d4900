use std::any::Any;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use artifacts::{ArtifactError, ArtifactStore, Stored};
use lru::LruCache;
use schema::events::ArtifactRef;
use schema::{ColumnSpec, Format, Frame, Invalid, Sha256, TenantId};
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use crate::{CheckError, Facts, RENDERER, RenderError, check, figures, render};

/// So many files that were rendered of late are known without a look at the disk.
const REMEMBERED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);

/// What a note about a checked frame is called. Another number when the rules change.
const FACTS: &str = "facts.1";

type Key = (TenantId, String);
type Gate = Arc<tokio::sync::Mutex<()>>;

/// Checks and renders frames, each once: here and on every node that shares the artifacts' directory, however many ask
/// and however often any of them is stopped. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Frames {
    artifacts: ArtifactStore,
    /// Two bounds, so that whoever publishes a small frame does not wait for the render of a large one.
    checking: Arc<Semaphore>,
    rendering: Arc<Semaphore>,
    gates: Arc<Mutex<LruCache<Key, Gate>>>,
    known: Arc<Mutex<LruCache<Key, Stored>>>,
}

/// What a thread at work holds: it has both for as long as it works, whether or not somebody still waits for it.
type Turn = (OwnedMutexGuard<()>, OwnedSemaphorePermit);

impl Frames {
    /// Frames among `artifacts`, so many of them checked, and as many rendered, at once.
    #[must_use]
    pub fn new(artifacts: ArtifactStore, concurrent: u16) -> Self {
        let threads = || Arc::new(Semaphore::new(usize::from(concurrent.max(1))));
        Self {
            artifacts,
            checking: threads(),
            rendering: threads(),
            gates: Arc::new(Mutex::new(LruCache::new(REMEMBERED))),
            known: Arc::new(Mutex::new(LruCache::new(REMEMBERED))),
        }
    }

    /// What is known of the frame in `artifact` once it was compared with the columns declared.
    ///
    /// # Errors
    /// [`CheckError`]: which rule it breaks and where, or the disk's.
    pub async fn check(
        &self,
        tenant: &TenantId,
        artifact: &ArtifactRef,
        declared: &[ColumnSpec],
    ) -> Result<Facts, CheckError> {
        let (format, columns) = (artifact.format, declared.to_vec());
        let name = name_of(artifact, declared, FACTS);
        let noted = self.artifacts.note(tenant, &name).await?;
        if let Some(facts) = noted.as_deref().and_then(read_facts) {
            return Ok(facts);
        }
        let turn = self.turn(&self.checking, tenant, &name).await?;
        let learned = self.artifacts.learn(tenant, artifact.sha256, &name, move |file| {
            let (_turn, began) = (turn, Instant::now());
            let checked = catch_unwind(AssertUnwindSafe(|| check(file, format, &columns)));
            let checked = checked.unwrap_or_else(|_| Err(not_readable(format)));
            figures::checked(format, &checked, began.elapsed());
            let text = serde_json::to_string(&checked?);
            text.map_err(|error| CheckError::from(std::io::Error::other(error)))
        });
        let facts = read_facts(&learned.await?);
        facts.ok_or_else(|| std::io::Error::other("the note about a frame says nothing").into())
    }

    /// The file that `frame`, held by `artifact`, was rendered to in this format, if it was.
    ///
    /// # Errors
    /// The disk's.
    pub async fn rendered(
        &self,
        tenant: &TenantId,
        artifact: &ArtifactRef,
        frame: &Frame,
        format: Format,
    ) -> Result<Option<Stored>, ArtifactError> {
        let key = (tenant.clone(), name_of(artifact, &frame.columns, &ending(format)));
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied();
        if known.is_some() {
            return Ok(known);
        }
        let found = self.artifacts.derived(tenant, &key.1).await?;
        if let Some(stored) = found {
            self.known.lock().unwrap_or_else(PoisonError::into_inner).put(key, stored);
        }
        Ok(found)
    }

    /// The same file, rendered if need be. A render that has begun goes on when the caller does not wait for it.
    ///
    /// # Errors
    /// [`RenderError`].
    pub async fn render(
        &self,
        tenant: &TenantId,
        artifact: &ArtifactRef,
        frame: &Frame,
        format: Format,
    ) -> Result<Stored, RenderError> {
        if let Some(stored) = self.rendered(tenant, artifact, frame, format).await? {
            return Ok(stored);
        }
        let (source, columns) = (artifact.format, frame.columns.clone());
        let name = name_of(artifact, &columns, &ending(format));
        let turn = self.turn(&self.rendering, tenant, &name).await?;
        let made = self.artifacts.derive(tenant, artifact.sha256, &name, move |bench| {
            let (_turn, began) = (turn, Instant::now());
            let work = || render(bench.from, source, &columns, format, bench.into, bench.dir);
            let made = catch_unwind(AssertUnwindSafe(work));
            let made = made.unwrap_or_else(|panic| Err(gave_up(panic.as_ref())));
            figures::rendered(format, &made, began.elapsed());
            made
        });
        Ok(made.await?)
    }

    /// Forgets that the frame was rendered in this format: its file turned out to be damaged, and is rendered anew, to
    /// the same bytes, when it is asked for again.
    ///
    /// # Errors
    /// The disk's.
    pub async fn forget(
        &self,
        tenant: &TenantId,
        artifact: &ArtifactRef,
        frame: &Frame,
        format: Format,
    ) -> Result<(), ArtifactError> {
        let key = (tenant.clone(), name_of(artifact, &frame.columns, &ending(format)));
        self.known.lock().unwrap_or_else(PoisonError::into_inner).pop(&key);
        self.artifacts.forget(tenant, &key.1).await
    }

    /// Waits until nobody else here works at the same, and a thread is free for it.
    async fn turn(
        &self,
        threads: &Arc<Semaphore>,
        tenant: &TenantId,
        name: &str,
    ) -> Result<Turn, ArtifactError> {
        let key = (tenant.clone(), name.to_owned());
        let gate = {
            let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(gates.get_or_insert(key, Gate::default))
        };
        let alone = gate.lock_owned().await;
        let thread = Arc::clone(threads).acquire_owned().await;
        let thread = thread.map_err(|error| ArtifactError::Disk(std::io::Error::other(error)))?;
        Ok((alone, thread))
    }
}

/// What is derived from a frame goes by all that it depends on: its bytes, how they are read, the columns, and who
/// renders.
fn name_of(artifact: &ArtifactRef, columns: &[ColumnSpec], ending: &str) -> String {
    let mut said = artifact.format.to_string();
    for ColumnSpec { name, kind, nullable } in columns {
        said.push_str(&format!("\n{kind} {nullable} {name}"));
    }
    let columns = Sha256::of(said.as_bytes()).to_string();
    format!("{}.{}.{ending}", artifact.sha256, &columns[..16])
}

fn ending(format: Format) -> String {
    format!("{format}.{RENDERER}")
}

fn read_facts(text: &str) -> Option<Facts> {
    serde_json::from_str(text).ok()
}

/// Polars gave up on it in a way of its own: the file is made up to do that, or broken.
fn not_readable(format: Format) -> CheckError {
    Invalid::new("file", "", format!("must be a well-formed {format} file")).into()
}

/// The writer of a format gave up. That of workbooks does so when its temporary file cannot be written, and says why in
/// words alone.
fn gave_up(panic: &(dyn Any + Send)) -> RenderError {
    let said = panic.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
    if said.contains("StorageFull") || said.contains("QuotaExceeded") {
        return ArtifactError::DiskFull.into();
    }
    RenderError::Unwritable("the writer gave up".to_owned())
}
