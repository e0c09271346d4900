//! The files that came with entries of inboxes: as they were published, or rendered from the version's data frame.

use std::collections::HashMap;

use aggregates::planning::{VersionFile, version_files};
use artifacts::Stored;
use projections::inbox::InboxRow;
use render::RenderError;
use schema::events::{ArtifactRef, ReportVersion};
use schema::{Format, TenantId};
use tracing::warn;
use uuid::Uuid;

use crate::error::ApiError;
use crate::received::versions;
use crate::state::ApiState;

/// The files of entries, by their deliveries.
pub type Files = HashMap<Uuid, Vec<ArtifactRef>>;

/// The files of each of these entries of one tenant. One that cannot be rendered at present is left out: the rest of
/// the inbox is still shown, and who asks for that file is told why.
pub async fn files(
    api: &ApiState,
    tenant: &TenantId,
    rows: &[&InboxRow],
) -> Result<Files, ApiError> {
    let versions = Versions::of(api, tenant, rows).await?;
    let mut files = Files::new();
    for row in rows {
        files.insert(row.delivery, versions.files(row).await?);
    }
    Ok(files)
}

/// The versions of some entries, where it takes them to tell the entries' files.
pub struct Versions<'a> {
    api: &'a ApiState,
    tenant: &'a TenantId,
    known: HashMap<Uuid, ReportVersion>,
}

impl<'a> Versions<'a> {
    /// Of these entries of one tenant. Entries with all files as they were published need none.
    pub async fn of(
        api: &'a ApiState,
        tenant: &'a TenantId,
        rows: &[&InboxRow],
    ) -> Result<Self, ApiError> {
        let chosen = rows.iter().filter(|row| row.format.is_some());
        let known = versions(api, chosen.map(|row| row.distribution)).await?;
        Ok(Self { api, tenant, known })
    }

    async fn files(&self, row: &InboxRow) -> Result<Vec<ArtifactRef>, ApiError> {
        let mut files = Vec::new();
        for file in self.planned(row)? {
            let name = name_of(&file);
            match self.resolve(file).await {
                Ok(file) => files.push(file),
                Err(error) => {
                    let entry = row.delivery;
                    warn!(%error, "entry {entry} is shown without its file {name}: {error}");
                }
            }
        }
        Ok(files)
    }

    /// The file of an entry that goes by this name.
    pub async fn file(&self, row: &InboxRow, name: &str) -> Result<ArtifactRef, ApiError> {
        let file = self.planned(row)?.into_iter().find(|file| name_of(file) == name);
        let file = file.ok_or_else(|| ApiError::not_found("file", name))?;
        Ok(self.resolve(file).await?)
    }

    fn planned<'r>(&'r self, row: &'r InboxRow) -> Result<Vec<VersionFile<'r>>, ApiError> {
        let Some(format) = &row.format else {
            return Ok(row.artifacts.iter().map(VersionFile::Published).collect());
        };
        let format: Format = format.parse()?;
        let version = self.known.get(&row.distribution);
        Ok(version.map(|version| version_files(version, Some(format))).unwrap_or_default())
    }

    /// Planning had it rendered, so this is a look-up; unless it was lost since.
    async fn resolve(&self, file: VersionFile<'_>) -> Result<ArtifactRef, RenderError> {
        match file {
            VersionFile::Published(file) => Ok(file.clone()),
            VersionFile::Rendered { frame, source, format } => {
                let rendered = self.api.frames.render(self.tenant, source, frame, format).await?;
                let Stored { sha256, size_bytes } = rendered;
                Ok(ArtifactRef { name: frame.file_name(format), format, sha256, size_bytes })
            }
        }
    }
}

fn name_of(file: &VersionFile) -> String {
    match file {
        VersionFile::Published(file) => file.name.clone(),
        VersionFile::Rendered { frame, format, .. } => frame.file_name(*format),
    }
}
