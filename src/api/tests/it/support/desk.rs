use std::sync::{Arc, RwLock};

use aggregates::routing::RoutingIndex;
use async_trait::async_trait;
use channels::webhook::Letter;
use channels::{WebhookChannel, WebhookConfig};
use dispatch::{Act, DeliveryDesk, DeskError};
use schema::events::EntryMark;
use schema::{
    ChannelKind, ClientCertificate, DeliveryId, Invalid, RecipientId, SendResult, Timestamp,
};
use secrecy::SecretString;
use store::{CommandRecord, Ledger};
use waybill_api::walls::{
    AddressRules, Asked, CheckedAddress, DeliveryCommands, Finding, OrderError, Ordered, RecordFor,
    Said, TestLetter,
};

/// Dispatch's own desk, as boot puts it behind the API's wall.
pub struct Desk(DeliveryDesk);

impl Desk {
    pub fn new(ledger: Arc<Ledger>, routing: Arc<RwLock<RoutingIndex>>) -> Self {
        Self(DeliveryDesk::new(ledger, routing, 30_000))
    }
}

fn told(error: DeskError) -> OrderError {
    match error {
        DeskError::NotFound { delivery } => OrderError::NotFound(delivery),
        DeskError::Stale(stale) => OrderError::Stale(stale),
        DeskError::Refused(refusal) => OrderError::Refused(refusal),
        DeskError::Append(error) => OrderError::Append(error),
        DeskError::State(error) => OrderError::Damaged(error.to_string()),
    }
}

fn act(asked: Asked, command: Option<CommandRecord>) -> Act {
    let Asked { metadata, precondition } = asked;
    Act { metadata, command, precondition }
}

#[async_trait]
impl DeliveryCommands for Desk {
    async fn cancel(
        &self,
        delivery: DeliveryId,
        reason: String,
        asked: Asked,
        command: Option<CommandRecord>,
    ) -> Result<Ordered, OrderError> {
        let done = self.0.cancel(delivery, reason, act(asked, command)).await.map_err(told)?;
        Ok(Ordered { delivery, position: done.position })
    }

    async fn mark(
        &self,
        delivery: DeliveryId,
        mark: EntryMark,
        own: Option<&RecipientId>,
        asked: Asked,
        command: Option<CommandRecord>,
    ) -> Result<Ordered, OrderError> {
        let done = self.0.mark(delivery, mark, own, act(asked, command)).await.map_err(told)?;
        Ok(Ordered { delivery, position: done.position })
    }

    async fn answer(
        &self,
        delivery: DeliveryId,
        said: Said,
        own: Option<&RecipientId>,
        asked: Asked,
        command: Option<CommandRecord>,
    ) -> Result<Ordered, OrderError> {
        let (Said { answer, via }, act) = (said, act(asked, command));
        let done = self.0.answer(delivery, answer, via, own, act).await.map_err(told)?;
        Ok(Ordered { delivery, position: done.position })
    }

    async fn resend(
        &self,
        delivery: DeliveryId,
        asked: Asked,
        command: RecordFor<'_>,
    ) -> Result<Ordered, OrderError> {
        let Asked { metadata, precondition } = asked;
        let resent =
            self.0.resend(delivery, metadata, precondition, command).await.map_err(told)?;
        Ok(Ordered { delivery: resent.delivery, position: resent.position })
    }

    async fn resolve(
        &self,
        delivery: DeliveryId,
        finding: Finding,
        asked: Asked,
        command: Option<CommandRecord>,
    ) -> Result<Ordered, OrderError> {
        let Finding { attempt, resolution, note } = finding;
        let act = act(asked, command);
        let done = self.0.resolve(delivery, attempt, resolution, note, act).await.map_err(told)?;
        Ok(Ordered { delivery, position: done.position })
    }
}

/// The channels' own rules.
pub struct Rules;

#[async_trait]
impl AddressRules for Rules {
    fn check(&self, channel: ChannelKind, text: &str) -> Result<CheckedAddress, Invalid> {
        let normalised = match channel {
            ChannelKind::Mail => channels::validate_mail_address(text)?,
            ChannelKind::Webhook => channels::validate_url(text)?.to_string(),
            ChannelKind::Inbox => {
                let rule = "needs no address: every recipient has an inbox";
                return Err(Invalid::new("channel", channel.as_str(), rule));
            }
        };
        let destination = channels::destination_of(channel, &normalised);
        Ok(CheckedAddress { normalised: normalised.into(), destination: destination.into() })
    }

    fn generate_secret(&self) -> SecretString {
        channels::generate_secret()
    }

    fn generate_key_pair(&self) -> Result<(SecretString, String), Invalid> {
        channels::generate_key_pair()
    }

    fn check_client_certificate(
        &self,
        certificate: &str,
        key: &SecretString,
        now: Timestamp,
    ) -> Result<(ClientCertificate, SecretString), Invalid> {
        let checked = channels::webhook::check_client_certificate(certificate, key, now)?;
        Ok((checked.told, checked.pem))
    }

    async fn try_webhook(&self, letter: TestLetter) -> Option<SendResult> {
        let TestLetter { url, id, body, keys } = letter;
        let body = body.into();
        let letter = Letter { url: &url, id, body, keys: &keys, traceparent: None };
        let channel = WebhookChannel::try_new(&WebhookConfig::default()).unwrap();
        channel.try_out(letter).await.ok()
    }
}
