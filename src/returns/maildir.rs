use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::fs;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{Incoming, Recorded, ReturnDesk, ReturnError};

/// So many messages are looked at in one round.
const ROUND: usize = 1_000;
/// Before a message is tried again that could not be taken yet, and before a folder that cannot be read.
const LATER: Duration = Duration::from_secs(15);
/// Where messages go that will never be taken, each beside its reason.
const REJECTED: &str = ".rejected";

/// Takes what a mail server delivers into a Maildir: recorded first, then moved, so that a message is lost by no crash,
/// and one that was recorded before a crash is recorded once. Several nodes may watch one folder.
pub struct Maildir {
    folder: PathBuf,
    poll: Duration,
    desk: Arc<ReturnDesk>,
    waiting: HashMap<OsString, Instant>,
}

impl Maildir {
    /// The Maildir at `returns.maildir`, if one is configured; the folders that a Maildir has are made where missing.
    ///
    /// # Errors
    /// When they cannot be.
    pub fn open(desk: &Arc<ReturnDesk>) -> io::Result<Option<Self>> {
        let Some(folder) = desk.config().maildir.clone() else { return Ok(None) };
        for part in ["new", "cur", "tmp", REJECTED] {
            std::fs::create_dir_all(folder.join(part))?;
        }
        let poll = Duration::from_millis(desk.config().maildir_poll_ms);
        let (desk, waiting) = (Arc::clone(desk), HashMap::new());
        Ok(Some(Self { folder, poll, desk, waiting }))
    }

    /// Takes messages until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let pause = match self.round(&stop).await {
                Ok(()) => self.poll,
                Err(error) => {
                    warn!(%error, "returned mail cannot be read from its Maildir: {error}");
                    LATER
                }
            };
            let _ = tokio::time::timeout(pause, stop.cancelled()).await;
        }
    }

    async fn round(&mut self, stop: &CancellationToken) -> io::Result<()> {
        let now = Instant::now();
        self.waiting.retain(|_, until| *until > now);
        let mut names = Vec::new();
        let mut entries = fs::read_dir(self.folder.join("new")).await?;
        while let Some(entry) = entries.next_entry().await? {
            let name = entry.file_name();
            if names.len() < ROUND && entry.file_type().await?.is_file() && !self.waits(&name) {
                names.push(name);
            }
        }
        names.sort();
        for name in names {
            if stop.is_cancelled() {
                return Ok(());
            }
            match self.take(&name).await {
                // Another node was faster.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                ended => ended?,
            }
        }
        Ok(())
    }

    fn waits(&self, name: &OsStr) -> bool {
        self.waiting.contains_key(name)
    }

    async fn take(&mut self, name: &OsStr) -> io::Result<()> {
        let path = self.folder.join("new").join(name);
        match self.record(&path).await? {
            Ok(recorded) => {
                let (delivery, kind) = (recorded.delivery, recorded.kind);
                info!(delivery.id = %delivery, kind, "a returned mail was taken from the Maildir");
                let mut seen = name.to_owned();
                seen.push(":2,S");
                fs::rename(&path, self.folder.join("cur").join(seen)).await
            }
            Err(error) if error.may_pass() => {
                self.waiting.insert(name.to_owned(), Instant::now() + LATER);
                Ok(())
            }
            Err(error) => {
                let rule = error.name();
                warn!(rule, "a message in the Maildir is no returned mail of ours: {error}");
                self.reject(&path, name, &error).await
            }
        }
    }

    async fn record(&self, path: &Path) -> io::Result<Result<Recorded, ReturnError>> {
        let limit_bytes = self.desk.config().max_message_bytes;
        if fs::metadata(path).await?.len() > limit_bytes as u64 {
            return Ok(Err(ReturnError::TooLarge { limit_bytes }));
        }
        let raw = fs::read(path).await?;
        Ok(self.desk.record(&Incoming::by("maildir", &raw, &[])).await)
    }

    /// The reason is there before the message is: after a crash in between, both are there once more.
    async fn reject(&self, path: &Path, name: &OsStr, error: &ReturnError) -> io::Result<()> {
        let rejected = self.folder.join(REJECTED);
        let mut reason = name.to_owned();
        reason.push(".reason");
        fs::write(rejected.join(reason), format!("{}: {error}\n", error.name())).await?;
        fs::rename(path, rejected.join(name)).await
    }
}
