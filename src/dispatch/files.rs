//! The files that a delivery takes with it: as they were published, or rendered from the version's data frame. A render
//! that is not done when the send must begin fails the attempt, before anything left, and goes on.

use std::time::Duration;

use aggregates::planning::{VersionFile, version_files};
use artifacts::{ArtifactError, Stored};
use bytes::Bytes;
use render::RenderError;
use schema::events::{ArtifactRef, DeliveryPlan, ReportVersion};
use schema::{
    Attachment, ChannelError, ChannelKind, FailureClass, Format, Frame, Sha256, TenantId,
};
use tokio::time::timeout;

use crate::Dispatcher;
use crate::start::Send;

/// What is kept of a lease for reading the files and everything else before the send, when a render is waited for.
const MARGIN: Duration = Duration::from_secs(1);

/// All files of a delivery, whole.
pub(crate) async fn attachments(
    dispatcher: &Dispatcher,
    send: &Send,
    plan: &DeliveryPlan,
    version: &ReportVersion,
) -> Result<Vec<Attachment>, ChannelError> {
    let tenant = &send.carried.tenant;
    let mut attachments = Vec::new();
    for file in version_files(version, plan.format) {
        attachments.push(match file {
            VersionFile::Published(ArtifactRef { name, format, sha256, size_bytes }) => {
                let content = content(dispatcher, tenant, plan.channel, *sha256, *size_bytes).await;
                let content = content.map_err(|error| artifact_error(&error))?;
                Attachment { name: name.clone(), format: *format, sha256: *sha256, content }
            }
            VersionFile::Rendered { frame, source, format } => {
                let rendering = Rendering { dispatcher, send, plan, frame, source, format };
                rendering.attachment().await?
            }
        });
    }
    Ok(attachments)
}

/// An inbox names files only.
async fn content(
    dispatcher: &Dispatcher,
    tenant: &TenantId,
    channel: ChannelKind,
    sha256: Sha256,
    size_bytes: u64,
) -> Result<Bytes, ArtifactError> {
    match channel {
        ChannelKind::Inbox => Ok(Bytes::new()),
        ChannelKind::Mail | ChannelKind::Webhook => {
            read(dispatcher, tenant, sha256, size_bytes).await
        }
    }
}

async fn read(
    dispatcher: &Dispatcher,
    tenant: &TenantId,
    sha256: Sha256,
    size_bytes: u64,
) -> Result<Bytes, ArtifactError> {
    let read = || dispatcher.artifacts.read_all(tenant, sha256, size_bytes);
    dispatcher.files.get(&(tenant.clone(), sha256), size_bytes, read).await
}

/// A file that is rendered for a delivery, if it is not there already.
struct Rendering<'r> {
    dispatcher: &'r Dispatcher,
    send: &'r Send,
    plan: &'r DeliveryPlan,
    frame: &'r Frame,
    source: &'r ArtifactRef,
    format: Format,
}

impl Rendering<'_> {
    async fn attachment(self) -> Result<Attachment, ChannelError> {
        let Self { dispatcher, send, frame, source, format, plan } = self;
        let tenant = &send.carried.tenant;
        let Stored { sha256, size_bytes } = self.stored().await?;
        let content = match content(dispatcher, tenant, plan.channel, sha256, size_bytes).await {
            Ok(content) => content,
            Err(ArtifactError::Damaged { .. } | ArtifactError::NotFound { .. }) => {
                // Unlike a file that was published it can be made again, to the same bytes.
                let forgotten = dispatcher.frames.forget(tenant, source, frame, format).await;
                forgotten.map_err(|error| artifact_error(&error))?;
                return Err(ChannelError::not_sent(FailureClass::Transient, "render.file_damaged"));
            }
            Err(error) => return Err(artifact_error(&error)),
        };
        Ok(Attachment { name: frame.file_name(format), format, sha256, content })
    }

    /// The rendered file. Planning had it rendered, so it is there; unless it was lost, or could not be made then.
    async fn stored(&self) -> Result<Stored, ChannelError> {
        let Self { dispatcher, send, frame, source, format, .. } = self;
        let tenant = &send.carried.tenant;
        let found = dispatcher.frames.rendered(tenant, source, frame, *format).await;
        if let Some(stored) = found.map_err(|error| artifact_error(&error))? {
            return Ok(stored);
        }
        let render = dispatcher.frames.render(tenant, source, frame, *format);
        match timeout(self.patience(), render).await {
            Ok(rendered) => rendered.map_err(|error| render_error(&error)),
            Err(_) => Err(ChannelError::not_sent(FailureClass::Transient, "render.under_way")),
        }
    }

    /// How long a render may be waited for, so that the lease still covers the longest send behind it.
    fn patience(&self) -> Duration {
        let channel = self.plan.channel;
        let lease = Duration::from_millis(self.dispatcher.lease_ms_of(channel));
        let left = lease.saturating_sub(self.send.leased_at.elapsed());
        left.saturating_sub(self.dispatcher.longest_send(channel)).saturating_sub(MARGIN)
    }
}

fn artifact_error(error: &ArtifactError) -> ChannelError {
    tracing::warn!(%error, "an artifact cannot be read for a send: {error}");
    if error.is_transient() {
        ChannelError::not_sent(FailureClass::Transient, "artifact.unavailable")
    } else {
        ChannelError::not_sent(FailureClass::Config, "artifact.unreadable")
    }
}

fn render_error(error: &RenderError) -> ChannelError {
    tracing::warn!(%error, "a data frame is not rendered for a send: {error}");
    let class = match error {
        error if error.is_transient() => FailureClass::Transient,
        RenderError::TooLarge { .. } | RenderError::Unwritable(_) => FailureClass::Content,
        RenderError::Frame(_) | RenderError::Artifact(_) => FailureClass::Config,
    };
    ChannelError::not_sent(class, error.code())
}
