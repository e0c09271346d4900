//! Where rooms that must not name each other meet: intake's permits are dispatch's, the API's desk is dispatch's, its
//! address rules are the channels', its readiness is everybody's.

use std::sync::Arc;
use std::time::Duration;

use api::walls::{AddressRules, CheckedAddress, Part, ReadPosition, Readiness, TestLetter};
use api::{ApiError, Code};
use artifacts::{ArtifactError, ArtifactStore};
use async_trait::async_trait;
use channels::webhook::{Letter, check_client_certificate};
use channels::{
    WebhookChannel, destination_of, generate_key_pair, generate_secret, validate_mail_address,
};
use dispatch::{Dispatcher, Permit, Start};
use followers::{Checkpoints, FollowerStatus};
use intake::kafka::{KafkaIntake, KafkaReadiness};
use intake::{PermitGuard, SendPermits, Started};
use reactors::last_mismatches;
use schema::{
    ChannelKind, ClientCertificate, DestinationKey, Invalid, Position, SendResult, TenantId,
    Timestamp,
};
use secrecy::SecretString;
use store::{Ledger, Tail};
use tokio::time::timeout;

use super::held::Held;

/// Intake's permits are dispatch's; there are none while nothing may be sent.
pub struct Permits {
    /// Who sends.
    pub dispatcher: Arc<Dispatcher>,
    /// Whether nothing may be sent.
    pub held: Held,
}

impl SendPermits for Permits {
    fn try_permit(
        &self,
        tenant: &TenantId,
        channel: ChannelKind,
        destination: &DestinationKey,
    ) -> Option<PermitGuard> {
        if self.held.is_held() {
            return None;
        }
        let permit = self.dispatcher.try_permit(tenant, channel, destination)?;
        Some(Box::new(permit))
    }

    fn keeps_pace(&self) -> bool {
        !self.held.is_held() && self.dispatcher.is_alone()
    }

    fn has_room(
        &self,
        tenant: &TenantId,
        channel: ChannelKind,
        destination: &DestinationKey,
    ) -> bool {
        self.dispatcher.has_room(tenant, channel, destination)
    }

    fn answered_count(&self, channel: ChannelKind) -> u64 {
        self.dispatcher.answered_count(channel)
    }

    fn lease_ms(&self, channel: ChannelKind) -> u64 {
        self.dispatcher.lease_ms_of(channel)
    }

    fn launch(&self, started: Vec<Started>) {
        self.dispatcher.launch(started.into_iter().filter_map(start).collect());
    }
}

/// The same delivery in dispatch's words. A guard that is no permit cannot come from here; were there one, its lease
/// would end and the delivery be taken up again.
fn start(started: Started) -> Option<Start> {
    let permit = started.permit.downcast::<Permit>().ok()?;
    Some(Start {
        delivery: started.delivery,
        tenant: started.tenant,
        sequence: started.sequence,
        state: started.state,
        traceparent: started.traceparent,
        permit: *permit,
        leased_at: started.leased_at,
        authorised: started.authorised,
    })
}

/// The API's address rules are the channels'.
pub struct Addresses(pub Arc<WebhookChannel>);

#[async_trait]
impl AddressRules for Addresses {
    fn check(&self, channel: ChannelKind, text: &str) -> Result<CheckedAddress, Invalid> {
        let normalised = match channel {
            ChannelKind::Mail => validate_mail_address(text)?,
            ChannelKind::Webhook => self.0.guard().validate_url(text)?.to_string(),
            ChannelKind::Inbox => {
                let rule = "needs no address: every recipient has an inbox";
                return Err(Invalid::new("channel", channel.as_str(), rule));
            }
        };
        let destination = destination_of(channel, &normalised);
        Ok(CheckedAddress { normalised: normalised.into(), destination: destination.into() })
    }

    fn generate_secret(&self) -> SecretString {
        generate_secret()
    }

    fn generate_key_pair(&self) -> Result<(SecretString, String), Invalid> {
        generate_key_pair()
    }

    fn check_client_certificate(
        &self,
        certificate: &str,
        key: &SecretString,
        now: Timestamp,
    ) -> Result<(ClientCertificate, SecretString), Invalid> {
        let checked = check_client_certificate(certificate, key, now)?;
        Ok((checked.told, checked.pem))
    }

    async fn try_webhook(&self, letter: TestLetter) -> Option<SendResult> {
        let TestLetter { url, id, body, keys } = letter;
        let body = body.into();
        self.0.try_out(Letter { url: &url, id, body, keys: &keys, traceparent: None }).await.ok()
    }
}

/// The API's knowledge of the rest of the process.
pub struct Parts {
    /// The log.
    pub ledger: Arc<Ledger>,
    /// The log's end.
    pub tail: Arc<Tail>,
    /// Where files go.
    pub artifacts: ArtifactStore,
    /// How far the log's readers are.
    pub checkpoints: Checkpoints,
    /// Which readers there must be.
    pub followers: Vec<String>,
    /// Intake from Kafka, if configured.
    pub kafka: Option<Arc<KafkaIntake>>,
    /// Whether nothing is sent, and why.
    pub held: Held,
}

/// Why nothing is taken in or sent over a restored backup, for anyone.
const HELD: &str = "an older backup was restored, or this is another database: nothing is taken in or sent until an \
                    operator has decided";
/// A follower this far behind is named as slow.
const SLOW_FOLLOWER_EVENTS: i64 = 100_000;
/// How long a part may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(1);

#[async_trait]
impl Readiness for Parts {
    async fn parts(&self) -> Vec<Part> {
        let (artifacts, followers, held, sums) = tokio::join!(
            self.artifacts(),
            self.followers(),
            self.held_deliveries(),
            self.completeness()
        );
        let mut parts = vec![self.tail_part(), artifacts, held, sums];
        parts.extend(followers);
        if let Some(kafka) = &self.kafka {
            parts.push(match kafka.readiness() {
                KafkaReadiness::Ready => Part::ok("kafka intake", false),
                KafkaReadiness::NotReady { reason } => {
                    let plain = "no reports come in by Kafka; by REST they do";
                    Part::failed("kafka intake", false, plain).because(reason)
                }
            });
        }
        if let Some(why) = self.held.why() {
            parts.push(Part::failed("dispatch", true, HELD).because(why));
        }
        parts
    }

    fn held(&self) -> Option<&'static str> {
        self.held.is_held().then_some(HELD)
    }
}

impl Parts {
    /// Nothing is open past its deadline without an alarm: what may have arrived waits for a person even then.
    async fn held_deliveries(&self) -> Part {
        const NAME: &str = "held deliveries";
        match timeout(PATIENCE, self.ledger.held_past_deadline()).await {
            Ok(Ok(0)) => Part::ok(NAME, false),
            Ok(Ok(count)) => {
                let plain = "deliveries are past their deadline and wait for a person";
                let detail = format!("{count} past their deadline: say whether they arrived");
                Part::failed(NAME, false, plain).because(detail)
            }
            Ok(Err(error)) => {
                let plain = "it cannot be seen which deliveries wait for a person";
                Part::failed(NAME, false, plain).because(error.to_string())
            }
            Err(_) => Part::failed(NAME, false, "the ledger does not answer"),
        }
    }

    /// What the last `waybill distributions reconcile` found.
    async fn completeness(&self) -> Part {
        const NAME: &str = "completeness";
        match timeout(PATIENCE, last_mismatches(self.ledger.pool())).await {
            Ok(Ok(None | Some((0, _)))) => Part::ok(NAME, false),
            Ok(Ok(Some((count, first)))) => {
                let plain =
                    "sums over deliveries do not hold: see `waybill distributions reconcile`";
                let detail =
                    format!("{count} mismatches, the first: {}", first.unwrap_or_default());
                Part::failed(NAME, false, plain).because(detail)
            }
            Ok(Err(error)) => {
                let plain = "it cannot be seen whether the sums hold";
                Part::failed(NAME, false, plain).because(error.to_string())
            }
            Err(_) => Part::failed(NAME, false, "the ledger does not answer"),
        }
    }

    fn tail_part(&self) -> Part {
        match &*self.tail.blocked().borrow() {
            None => Part::ok("tail", false),
            Some(blocked) => {
                let holders = blocked.holders.join("; ");
                let detail = format!("held up since {} by {holders}", blocked.since);
                Part::failed("tail", false, "an open transaction holds it up").because(detail)
            }
        }
    }

    /// Whether a file could be taken in.
    async fn artifacts(&self) -> Part {
        const NAME: &str = "artifacts";
        match timeout(PATIENCE, self.artifacts.probe()).await {
            Ok(Ok(())) => Part::ok(NAME, true),
            Ok(Err(error @ ArtifactError::DiskFull)) => {
                Part::failed(NAME, true, "their disk is full").because(error.to_string())
            }
            Ok(Err(error)) => {
                Part::failed(NAME, true, "no file can be kept").because(error.to_string())
            }
            Err(_) => Part::failed(NAME, true, "their disk does not answer within a second"),
        }
    }

    async fn followers(&self) -> Vec<Part> {
        const NAME: &str = "followers";
        match timeout(PATIENCE, self.checkpoints.status()).await {
            Ok(Ok(found)) => {
                let of = |name| found.iter().find(|status| status.name == name);
                self.followers.iter().map(|name| follower(name, of(name.as_str()))).collect()
            }
            Ok(Err(error)) => {
                let plain = "how far they are cannot be read";
                vec![Part::failed(NAME, false, plain).because(error.to_string())]
            }
            Err(_) => vec![Part::failed(NAME, false, "how far they are is not known in a second")],
        }
    }
}

fn follower(name: &str, found: Option<&FollowerStatus>) -> Part {
    let name = format!("follower {name}");
    let Some(status) = found else { return Part::failed(name, false, "nobody runs it") };
    let part = match &status.poison {
        Some(poison) => {
            let detail = format!("stands still at {}: {}", poison.position, poison.error);
            Part::failed(name, false, "it stands still at an event").because(detail)
        }
        None if !status.is_running => {
            let last = status.node.as_deref().unwrap_or("nobody");
            let detail = format!("last run by {last}, whose lease has ended");
            Part::failed(name, false, "nobody runs it").because(detail)
        }
        None if status.trouble.is_some() => {
            let why = status.trouble.clone().unwrap_or_default();
            Part::failed(name, false, "it waits, and tries again by itself").because(why)
        }
        None if status.lag > SLOW_FOLLOWER_EVENTS => {
            let detail = format!("{} events behind", status.lag);
            Part::failed(name, false, "it is far behind").because(detail)
        }
        None => Part::ok(name, false),
    };
    part.with("position", status.position.0).with("lag", status.lag).with("lag_ms", status.lag_ms)
}

/// How far a read model is, for those who want to see their own write.
pub struct Reached(pub Checkpoints);

#[async_trait]
impl ReadPosition for Reached {
    async fn reached(&self, follower: &str) -> Result<Position, ApiError> {
        let all = self
            .0
            .status()
            .await
            .map_err(|error| ApiError::new(Code::Unavailable, error.to_string()))?;
        let found = all.into_iter().find(|status| status.name == follower);
        Ok(found.map_or(Position::START, |status| status.position))
    }
}
