//! Where rooms that must not name each other meet: intake's permits are dispatch's, the API's desk is dispatch's, its
//! address rules are the channels', its readiness is everybody's.

use std::sync::Arc;

use api::walls::{AddressRules, CheckedAddress, Part, ReadPosition, Readiness};
use api::{ApiError, Code};
use async_trait::async_trait;
use channels::{WebhookGuard, destination_of, generate_secret, validate_mail_address};
use dispatch::{Dispatcher, Permit, Start};
use followers::Checkpoints;
use intake::kafka::{KafkaIntake, KafkaReadiness};
use intake::{PermitGuard, SendPermits, Started};
use schema::{ChannelKind, DestinationKey, Invalid, Position, TenantId};
use secrecy::SecretString;
use store::{Ledger, Tail};

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
pub struct Addresses(pub WebhookGuard);

impl AddressRules for Addresses {
    fn check(&self, channel: ChannelKind, text: &str) -> Result<CheckedAddress, Invalid> {
        let normalised = match channel {
            ChannelKind::Mail => validate_mail_address(text)?,
            ChannelKind::Webhook => self.0.validate_url(text)?.to_string(),
        };
        let destination = destination_of(channel, &normalised);
        Ok(CheckedAddress { normalised: normalised.into(), destination: destination.into() })
    }

    fn generate_secret(&self) -> SecretString {
        generate_secret()
    }
}

/// The API's knowledge of the rest of the process.
pub struct Parts {
    /// The log.
    pub ledger: Arc<Ledger>,
    /// Its end.
    pub tail: Arc<Tail>,
    /// How far its readers are.
    pub checkpoints: Checkpoints,
    /// Intake from Kafka, if configured.
    pub kafka: Option<Arc<KafkaIntake>>,
    /// Whether nothing is sent, and why.
    pub held: Held,
}

/// A follower this far behind is named as slow.
const SLOW_FOLLOWER_EVENTS: i64 = 100_000;

#[async_trait]
impl Readiness for Parts {
    async fn parts(&self) -> Vec<Part> {
        let mut parts = vec![self.database().await, self.tail_part()];
        parts.extend(self.held_deliveries().await);
        parts.extend(self.followers().await);
        if let Some(kafka) = &self.kafka {
            parts.push(match kafka.readiness() {
                KafkaReadiness::Ready => Part::ok("kafka intake", false),
                KafkaReadiness::NotReady { reason } => Part::failed("kafka intake", false, reason),
            });
        }
        if let Some(why) = self.held.why() {
            parts.push(Part::failed("dispatch", true, why));
        }
        parts
    }

    fn held(&self) -> Option<String> {
        self.held.why()
    }
}

impl Parts {
    async fn database(&self) -> Part {
        match self.ledger.head().await {
            Ok(head) => Part::ok("database", true).with("head", head.0),
            Err(error) => Part::failed("database", true, error.to_string()),
        }
    }

    /// Nothing is open past its deadline without an alarm: what may have arrived waits for a person even then.
    async fn held_deliveries(&self) -> Option<Part> {
        let count = self.ledger.held_past_deadline().await.ok()?;
        Some(match count {
            0 => Part::ok("held deliveries", false),
            _ => {
                let why = format!("{count} past their deadline: say whether they arrived");
                Part::failed("held deliveries", false, why)
            }
        })
    }

    fn tail_part(&self) -> Part {
        match &*self.tail.blocked().borrow() {
            None => Part::ok("tail", false),
            Some(blocked) => {
                let holders = blocked.holders.join("; ");
                Part::failed("tail", false, format!("held up since {} by {holders}", blocked.since))
            }
        }
    }

    async fn followers(&self) -> Vec<Part> {
        let Ok(all) = self.checkpoints.status().await else { return Vec::new() };
        all.into_iter()
            .map(|follower| {
                let name = format!("follower {}", follower.name);
                let part = match &follower.poison {
                    Some(poison) => {
                        let why = format!("stands still at {}: {}", poison.position, poison.error);
                        Part::failed(name, false, why)
                    }
                    None if follower.lag > SLOW_FOLLOWER_EVENTS => {
                        Part::failed(name, false, format!("{} events behind", follower.lag))
                    }
                    None => Part::ok(name, false),
                };
                part.with("position", follower.position.0).with("lag", follower.lag)
            })
            .collect()
    }
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
