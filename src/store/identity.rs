use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use schema::{Position, Sha256, StoredEvent, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Ledger, LogRow, StoreError};

/// Which log it is: one of its events by content, and the cluster it lives in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogIdentity {
    /// An event's position; 0 when the log is empty.
    pub position: Position,
    /// The hash of that event; absent when the log is empty.
    pub event_hash: Option<Sha256>,
    /// The cluster's system identifier.
    pub system_identifier: i64,
}

impl LogIdentity {
    /// The hash of an event with its place: SHA-256 over position, stream, sequence, type, version and the stored
    /// bytes.
    #[must_use]
    pub fn hash(row: &LogRow) -> Sha256 {
        Self::hash_of(&row.stored(), &row.payload)
    }

    /// The same of an event and its payload, wherever they were read.
    #[must_use]
    pub fn hash_of(event: &StoredEvent<'_>, payload: &str) -> Sha256 {
        let mut bytes = Vec::with_capacity(payload.len() + event.metadata.len() + 160);
        bytes.extend_from_slice(&event.position.0.to_be_bytes());
        bytes.extend_from_slice(&event.sequence.to_be_bytes());
        for part in [
            event.aggregate_type,
            event.aggregate_id,
            event.event_type,
            event.event_version,
            payload,
            event.metadata,
        ] {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        Sha256::of(&bytes)
    }
}

/// The newest checkpoint as it is kept outside of the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredIdentity {
    /// The installation it was written by.
    pub installation: Uuid,
    /// An event's position.
    pub position: Position,
    /// The hash of that event.
    pub event_hash: Sha256,
    /// The cluster's system identifier.
    pub system_identifier: i64,
    /// When it was written.
    pub written_at: Timestamp,
}

/// What comparing the file with the log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The log holds the event that the file names: it is the same log, or a longer one.
    Same,
    /// There is no file yet.
    Unknown,
    /// The log does not hold that event: an older backup was restored, or it is another log.
    RestoredBackup {
        /// What the file says.
        stored: StoredIdentity,
        /// Hash of the event now at that position, if there is one.
        found: Option<Sha256>,
        /// The log's head now.
        head: Position,
    },
}

impl Ledger {
    /// The hash of the event at a position, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn event_hash(&self, position: Position) -> Result<Option<Sha256>, StoreError> {
        let rows = self.read(Position(position.0 - 1), position, 1, None).await?;
        Ok(rows.first().map(LogIdentity::hash))
    }

    /// The cluster's system identifier: a dump restored elsewhere has another one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn system_identifier(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("select system_identifier from pg_control_system()")
            .fetch_one(self.reads())
            .await?)
    }

    /// The installation's id, drawn by the first migration.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn installation(&self) -> Result<Uuid, StoreError> {
        Ok(sqlx::query_scalar("select id from installation").fetch_one(self.reads()).await?)
    }

    /// The log as it stands now.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn identity(&self) -> Result<LogIdentity, StoreError> {
        let position = self.head().await?;
        let event_hash = self.event_hash(position).await?;
        Ok(LogIdentity { position, event_hash, system_identifier: self.system_identifier().await? })
    }

    /// Writes the log's identity to a file outside of the database, atomically, if the log still holds the event that
    /// is named there; says what the comparison said. `now` is the caller's clock.
    ///
    /// # Errors
    /// [`StoreError::File`], [`StoreError::Unavailable`].
    pub async fn write_identity(
        &self,
        file: &Path,
        now: Timestamp,
    ) -> Result<Identity, StoreError> {
        // Read before the comparison: of a log that is replaced in between, nothing gets into the file.
        let identity = self.identity().await?;
        let known = self.verify_identity(file).await?;
        if let Some(event_hash) = identity.event_hash
            && matches!(known, Identity::Same | Identity::Unknown)
        {
            self.store_identity(file, identity.position, event_hash, now).await?;
        }
        Ok(known)
    }

    /// Writes to the file which event the log must hold, whether it does or not.
    ///
    /// # Errors
    /// As [`Ledger::write_identity`].
    pub async fn store_identity(
        &self,
        file: &Path,
        position: Position,
        event_hash: Sha256,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let stored = StoredIdentity {
            installation: self.installation().await?,
            position,
            event_hash,
            system_identifier: self.system_identifier().await?,
            written_at: now,
        };
        let text = serde_json::to_string_pretty(&stored)
            .map_err(|error| in_file(file)(io::Error::other(error)))?;
        let file = file.to_owned();
        // Written and made durable on a thread that may block.
        let written = tokio::task::spawn_blocking(move || replace(&file, &text)).await;
        written.map_err(|_| StoreError::Closed)?
    }

    /// Compares the log with the file, by content.
    ///
    /// # Errors
    /// [`StoreError::File`] when it is there but cannot be read; [`StoreError::Unavailable`].
    pub async fn verify_identity(&self, file: &Path) -> Result<Identity, StoreError> {
        let text = match tokio::fs::read_to_string(file).await {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Identity::Unknown),
            Err(error) => return Err(in_file(file)(error)),
        };
        let stored: StoredIdentity =
            serde_json::from_str(&text).map_err(|error| in_file(file)(io::Error::other(error)))?;
        let found = self.event_hash(stored.position).await?;
        if found == Some(stored.event_hash) {
            return Ok(Identity::Same);
        }
        Ok(Identity::RestoredBackup { stored, found, head: self.head().await? })
    }
}

fn in_file(file: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = file.display().to_string();
    move |source| StoreError::File { path, source }
}

/// Temporary file, fsync, rename, fsync of the directory: there is always a whole one.
fn replace(file: &Path, text: &str) -> Result<(), StoreError> {
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    let write = || {
        let temporary = file.with_extension("new");
        let mut out = File::create(&temporary)?;
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        fs::rename(&temporary, file)?;
        File::open(directory)?.sync_all()
    };
    write().map_err(in_file(file))
}
