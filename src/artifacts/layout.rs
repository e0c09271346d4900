use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use schema::{Sha256, TenantId};
use tempfile::TempDir;

/// No tenant's name begins with a dot, so this directory is nobody's.
const INCOMING: &str = ".incoming";
/// Nor is this one: who derives something holds a lock in it.
const GATES: &str = ".deriving";
/// No directory of artifacts is called so: theirs have two letters.
const NOTES: &str = "derived";

/// Where things lie: `<dir>/<tenant>/ab/cd/<sha256>`; what is not finished lies in a directory of this process under
/// `<dir>/.incoming`.
#[derive(Debug)]
pub(crate) struct Layout {
    dir: PathBuf,
    incoming: TempDir,
    /// Held as long as this process lives: tells other nodes that `incoming` is in use.
    _lock: File,
}

/// Where one artifact lies, or would.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    dir: PathBuf,
}

/// Where a note about something derived lies: `<dir>/<tenant>/derived/<name>`.
#[derive(Debug)]
pub(crate) struct Note {
    path: PathBuf,
}

impl Layout {
    /// Makes what is missing and removes what processes that are gone left behind. Blocks.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        let shared = dir.join(INCOMING);
        fs::create_dir_all(&shared)?;
        fs::create_dir_all(dir.join(GATES))?;
        let dir = dir.canonicalize()?;
        let gate = File::open(&shared)?;
        gate.lock()?;
        remove_leftovers(&shared)?;
        let incoming = tempfile::Builder::new().prefix("node-").tempdir_in(&shared)?;
        let lock = File::open(incoming.path())?;
        lock.lock()?;
        gate.unlock()?;
        if let Some(parent) = dir.parent() {
            File::open(parent)?.sync_all()?;
        }
        Ok(Self { dir, incoming, _lock: lock })
    }

    /// Where unfinished files of this process lie: on the same file system as the finished ones.
    pub(crate) fn incoming(&self) -> &Path {
        self.incoming.path()
    }

    /// Where the artifact lies, or would.
    pub(crate) fn place(&self, tenant: &TenantId, sha256: &Sha256) -> Place {
        let name = sha256.to_string();
        let parent = self.dir.join(tenant.as_str()).join(&name[..2]).join(&name[2..4]);
        Place { path: parent.join(name), dir: self.dir.clone() }
    }

    /// Where the note called `name` lies, or would.
    pub(crate) fn note(&self, tenant: &TenantId, name: &str) -> Note {
        Note { path: self.dir.join(tenant.as_str()).join(NOTES).join(name) }
    }

    /// A file to lock while something is derived from the artifact: one for each of 256 parts of all artifacts, so
    /// that none need ever be removed.
    pub(crate) fn gate(&self, from: &Sha256) -> io::Result<File> {
        let name = format!("{:02x}", from.as_bytes()[0]);
        let path = self.dir.join(GATES).join(name);
        File::options().create(true).append(true).open(path)
    }
}

impl Note {
    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Place {
    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the directories above it. Blocks.
    pub(crate) fn make_parents(&self) -> io::Result<()> {
        self.path.parent().map_or(Ok(()), fs::create_dir_all)
    }

    /// Puts its name, and those of the directories above it, on disk: another thread may have made one of them and not
    /// come to this point yet. Blocks; a directory without changes costs next to nothing.
    pub(crate) fn sync_names(&self) -> io::Result<()> {
        for parent in self.path.ancestors().skip(1) {
            File::open(parent)?.sync_all()?;
            if parent == self.dir {
                break;
            }
        }
        Ok(())
    }
}

fn remove_leftovers(shared: &Path) -> io::Result<()> {
    for entry in fs::read_dir(shared)? {
        let path = entry?.path();
        match File::open(&path)?.try_lock() {
            Ok(()) => {
                tracing::info!("removing unfinished artifacts of a process that is gone");
                fs::remove_dir_all(&path)?;
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(())
}
