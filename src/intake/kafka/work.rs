use std::time::Duration;

use rdkafka::message::{Message, OwnedMessage};
use schema::events::ArtifactRef;
use schema::{Actor, ReportName, TenantId, VersionName};
use store::Precondition;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::message::{Content, ReportMessage};
use super::rejected::{Rejected, Rejection, header, is_too_large};
use super::{KafkaIntake, Partition};
use crate::{ReceiveError, ReceiveReport, checked_traceparent};

/// First pause after something passing went wrong.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A message that was read, and what it says.
pub(super) struct Incoming {
    pub(super) partition: Partition,
    pub(super) message: OwnedMessage,
    /// The versions it speaks of: its own, and the one it corrects. Nobody else works on them meanwhile.
    pub(super) claims: Vec<Claim>,
    tenant: TenantId,
    parsed: Result<ReportMessage, Rejection>,
}

/// A version, by whose it is.
pub(super) type Claim = (TenantId, ReportName, VersionName);

/// A message that was worked on.
pub(super) struct Answered {
    pub(super) partition: Partition,
    pub(super) offset: i64,
    pub(super) claims: Vec<Claim>,
    pub(super) answer: Answer,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is in the ledger.
    Taken,
    /// It was there already.
    Repeated,
    /// It is in the topic of rejected messages.
    Rejected,
    /// The node stops; the message comes again.
    Unfinished,
}

impl Answer {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Repeated => "repeated",
            Self::Rejected => "rejected",
            Self::Unfinished => "unfinished",
        }
    }
}

impl Incoming {
    pub(super) fn new(partition: Partition, tenant: TenantId, message: OwnedMessage) -> Self {
        let payload = message.payload().unwrap_or_default();
        let parsed = ReportMessage::parse(payload).map_err(Rejection::from);
        let claims = parsed.as_ref().map(|it| claims(&tenant, it)).unwrap_or_default();
        Self { partition, message, claims, tenant, parsed }
    }
}

fn claims(tenant: &TenantId, message: &ReportMessage) -> Vec<Claim> {
    let versions = [Some(&message.version), message.corrects.as_ref()];
    let claim = |version: &VersionName| (tenant.clone(), message.report.clone(), version.clone());
    versions.into_iter().flatten().map(claim).collect()
}

/// Where a message came from.
struct Origin {
    partition: Partition,
    message: OwnedMessage,
    tenant: TenantId,
}

impl Origin {
    fn command(&self, message: ReportMessage, artifacts: Vec<ArtifactRef>) -> ReceiveReport {
        let ReportMessage { report, version, attributes, corrects, frame, .. } = message;
        let (topic, partition) = &self.partition;
        let offset = self.message.offset();
        ReceiveReport {
            tenant: self.tenant.clone(),
            report,
            version,
            attributes,
            artifacts,
            frame,
            corrects,
            actor: Actor::new("kafka", topic),
            command: None,
            precondition: Precondition::Any,
            causation: Some(format!("kafka:{topic}/{partition}/{offset}")),
            traceparent: header(&self.message, "traceparent").and_then(checked_traceparent),
        }
    }
}

impl KafkaIntake {
    /// Works on a message until it has its durable answer, or the node stops.
    pub(super) async fn answer(&self, incoming: Incoming, cancel: CancellationToken) -> Answered {
        let Incoming { partition, message, claims, tenant, parsed } = incoming;
        let origin = Origin { partition, message, tenant };
        let answer = match self.take(&origin, parsed, &cancel).await {
            Ok(answer) => answer,
            Err(rejection) => self.reject(&origin, &rejection, &cancel).await,
        };
        Answered { offset: origin.message.offset(), partition: origin.partition, claims, answer }
    }

    async fn take(
        &self,
        origin: &Origin,
        parsed: Result<ReportMessage, Rejection>,
        cancel: &CancellationToken,
    ) -> Result<Answer, Rejection> {
        let mut message = parsed?;
        let contents = message.take_contents()?;
        let mut pause = FIRST_PAUSE;
        let artifacts = loop {
            match self.artifacts(origin, &message, &contents).await {
                Ok(artifacts) => break artifacts,
                Err(error) if !error.is_passing() => return Err(Rejection::from(&error)),
                Err(error) => {
                    if !self.wait(&error.to_string(), &mut pause, cancel).await {
                        return Ok(Answer::Unfinished);
                    }
                }
            }
        };
        let command = origin.command(message, artifacts);
        loop {
            match self.intake.receive(command.clone()).await {
                Ok(received) => {
                    self.status.work_trouble(None);
                    return Ok(if received.repeated { Answer::Repeated } else { Answer::Taken });
                }
                Err(error) if !error.is_passing() => return Err(Rejection::from(&error)),
                Err(error) => {
                    if !self.wait(&error.to_string(), &mut pause, cancel).await {
                        return Ok(Answer::Unfinished);
                    }
                }
            }
        }
    }

    /// Stores what came inline; what is named by its digest must be there.
    async fn artifacts(
        &self,
        origin: &Origin,
        message: &ReportMessage,
        contents: &[Content],
    ) -> Result<Vec<ArtifactRef>, ReceiveError> {
        let store = self.intake.artifacts();
        let tenant = &origin.tenant;
        let mut artifacts = Vec::with_capacity(contents.len());
        for (at, (artifact, content)) in message.artifacts.iter().zip(contents).enumerate() {
            let (sha256, size_bytes) = match content {
                Content::Inline(bytes, expected) => {
                    let stored = store.put_bytes(tenant, bytes.clone(), *expected).await?;
                    (stored.sha256, stored.size_bytes)
                }
                Content::Stored(sha256) => {
                    let size = store.size(tenant, *sha256).await?;
                    let missing = || ReceiveError::ArtifactMissing {
                        field: format!("artifacts[{at}].sha256"),
                        sha256: *sha256,
                    };
                    (*sha256, size.ok_or_else(missing)?)
                }
            };
            let (name, format) = (artifact.name.clone(), artifact.format);
            artifacts.push(ArtifactRef { name, format, sha256, size_bytes });
        }
        Ok(artifacts)
    }

    async fn reject(
        &self,
        origin: &Origin,
        rejection: &Rejection,
        cancel: &CancellationToken,
    ) -> Answer {
        let (topic, offset) = (origin.message.topic(), origin.message.offset());
        let mut rejected = Rejected::new(&origin.message, rejection);
        let mut pause = FIRST_PAUSE;
        loop {
            let sent = tokio::select! {
                () = cancel.cancelled() => return Answer::Unfinished,
                sent = self.send(&mut rejected, &origin.tenant) => sent,
            };
            let Err(trouble) = sent else {
                self.status.work_trouble(None);
                let code = rejection.code;
                info!(topic, offset, code, "message {topic}/{offset} rejected: {code}");
                return Answer::Rejected;
            };
            if !self.wait(&trouble, &mut pause, cancel).await {
                return Answer::Unfinished;
            }
        }
    }

    /// Sends a rejection; when the topic has no room for the original bytes, without them.
    async fn send(&self, rejected: &mut Rejected<'_>, tenant: &TenantId) -> Result<(), String> {
        let topic = &self.config.rejected_topic;
        let mut sent = rejected.send(&self.producer, topic).await;
        if sent.as_ref().is_err_and(is_too_large) {
            let outsourced = rejected.outsource(self.intake.artifacts(), tenant).await;
            outsourced.map_err(|error| error.to_string())?;
            sent = rejected.send(&self.producer, topic).await;
        }
        sent.map_err(|error| format!("{topic}: {error}"))
    }

    /// Waits a little longer each time; false when the node stops.
    async fn wait(&self, trouble: &str, pause: &mut Duration, cancel: &CancellationToken) -> bool {
        if *pause == FIRST_PAUSE {
            warn!(trouble, "a message from kafka waits");
        }
        self.status.work_trouble(Some(trouble.to_owned()));
        tokio::select! {
            () = cancel.cancelled() => return false,
            () = sleep(*pause) => {}
        }
        *pause = (*pause * 2).min(LONGEST_PAUSE);
        true
    }
}
