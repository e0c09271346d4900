use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lettre::transport::smtp::response::Response;
use schema::{ChannelError, ChannelKind, ClearReceipt, FailureClass, Parcel, Proof, SendResult};
use tokio::time::Instant;

use super::EmailConfig;
use super::connect::Connector;
use super::dkim::Signers;
use super::message::{Composer, Mail};
use super::pool::Pool;
use super::session::{Session, Trouble};
use super::template::Templates;
use crate::{Channel, SetupError, reply};

/// Parcels larger than this, in bytes, are encoded and hashed on a blocking thread.
const HEAVY_BYTES: usize = 512 * 1024;
/// What [`Channel::timeout_ms`] adds to the configured limit: composing and last words are outside of it.
const MARGIN_MS: u64 = 2_000;

/// The mail channel.
pub struct EmailChannel {
    composer: Arc<Composer>,
    pool: Pool,
    command_timeout: Duration,
    send_timeout_ms: u64,
}

impl EmailChannel {
    /// Checks the configuration, loads certificates, compiles the templates and tries them with samples. Opens no
    /// connection. Blocks on reading files: call it at start.
    ///
    /// # Errors
    /// [`SetupError`] naming the key, or the template's file, line and variable.
    pub fn try_new(config: &EmailConfig) -> Result<Self, SetupError> {
        let checked = config.checked()?;
        let templates = Templates::try_load(config.template_dir.as_deref())?;
        let signers = Signers::try_load(&config.dkim)?;
        let composer = Composer::try_new(config, &checked, templates, signers).map_err(|_| {
            schema::Invalid::new("mail.from_name", &config.from_name, "must fit in a header")
        })?;
        let connector = Connector::try_new(config, checked.hello_name)?;
        Ok(Self {
            composer: Arc::new(composer),
            pool: Pool::new(config, connector),
            command_timeout: Duration::from_millis(config.command_timeout_ms),
            send_timeout_ms: config.send_timeout_ms,
        })
    }

    async fn compose(&self, parcel: &Parcel) -> Result<Mail, ChannelError> {
        let size_bytes: usize = parcel.attachments.iter().map(|file| file.content.len()).sum();
        if size_bytes <= HEAVY_BYTES {
            return self.composer.compose(parcel);
        }
        let (composer, parcel) = (Arc::clone(&self.composer), parcel.clone());
        let composed = tokio::task::spawn_blocking(move || composer.compose(&parcel)).await;
        composed.unwrap_or_else(|_| {
            Err(ChannelError::not_sent(FailureClass::Transient, "mail.not_composed"))
        })
    }

    /// A pooled session first; when it proves gone before any of the content, once more on a fresh one.
    async fn hand_over(&self, mail: &Mail) -> Result<Response, ChannelError> {
        let deadline = Instant::now() + Duration::from_millis(self.send_timeout_ms);
        let _permit = self.pool.permit(deadline).await?;
        if let Some(session) = self.pool.idle_session(deadline).await {
            match self.transact(session, mail, deadline).await {
                Err(trouble) if trouble.stale => {}
                other => return other.map_err(|trouble| trouble.error),
            }
        }
        let session = self.pool.open(deadline).await?;
        self.transact(session, mail, deadline).await.map_err(|trouble| trouble.error)
    }

    async fn transact(
        &self,
        mut session: Session,
        mail: &Mail,
        deadline: Instant,
    ) -> Result<Response, Box<Trouble>> {
        let outcome = session.transact(mail, self.command_timeout, deadline).await;
        if outcome.as_ref().err().is_none_or(|trouble| trouble.usable) {
            self.pool.keep(session);
        }
        outcome
    }
}

#[async_trait]
impl Channel for EmailChannel {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Mail
    }

    fn timeout_ms(&self) -> u64 {
        self.send_timeout_ms + MARGIN_MS
    }

    async fn send(&self, parcel: &Parcel) -> SendResult {
        let mail = self.compose(parcel).await?;
        let response = self.hand_over(&mail).await?;
        let said = response.message().collect::<Vec<_>>().join("\n");
        Ok(ClearReceipt {
            proof: Proof::Accepted,
            status: response.code().into(),
            content_sha256: mail.sha256,
            content_bytes: mail.size_bytes(),
            reply: reply::clean(said.as_bytes()),
        })
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}
