use aggregates::distribution::{Command, Rules};
use aggregates::run;
use schema::{
    Actor, DistributionId, LedgerEvent, Metadata, Position, ReportName, StreamId, TenantId,
    VersionName,
};
use store::{Append, AppendError, CommandRecord, Precondition, Unit};

use crate::receive::fold;
use crate::{Intake, ReceiveError};

/// So often a withdrawal is tried again when the plan goes on meanwhile.
const MAX_TRIES: u32 = 64;

/// A version is to be taken back.
#[derive(Clone, Debug)]
pub struct WithdrawVersion {
    /// Whose.
    pub tenant: TenantId,
    /// Which report.
    pub report: ReportName,
    /// Which version.
    pub version: VersionName,
    /// Why, for whoever looks later.
    pub reason: String,
    /// Who takes it back.
    pub actor: Actor,
    /// The API command, when its outcome is to be remembered.
    pub command: Option<CommandRecord>,
    /// The state of the version that it is meant for.
    pub precondition: Precondition,
    /// W3C Trace Context, already checked.
    pub traceparent: Option<String>,
}

/// A version that was taken back: what is not yet sent stays unsent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    /// Its run.
    pub distribution: DistributionId,
    /// What a reader must have reached to see it.
    pub position: Position,
    /// Whether it was withdrawn already: then nothing new happened.
    pub repeated: bool,
}

impl Intake {
    /// Takes a version back.
    ///
    /// # Errors
    /// [`ReceiveError`]: the version is unknown, the reason is not well formed, or the ledger did not take it.
    pub async fn withdraw(&self, given: WithdrawVersion) -> Result<Withdrawn, ReceiveError> {
        let distribution = DistributionId::of(&given.tenant, &given.report, &given.version);
        let stream = StreamId::distribution(distribution);
        for _ in 0..MAX_TRIES {
            let events = self.near.ledger.load_stream(&stream, 0).await?;
            let Some((expected, known_at)) = events.last().map(|e| (e.sequence, e.position)) else {
                let (report, version) = (given.report, given.version);
                return Err(ReceiveError::UnknownVersion { field: "version", report, version });
            };
            given.precondition.check(known_at)?;
            let reason = given.reason.clone();
            let events = run::<Rules>(&mut fold(&events), Command::Withdraw { reason })?;
            let repeated = events.is_empty();
            let mut unit = Unit::new(metadata(&given));
            unit.command.clone_from(&given.command);
            if !repeated {
                let events = events.into_iter().map(LedgerEvent::from).collect();
                unit.appends.push(Append { stream: stream.clone(), expected, events });
            }
            match self.near.ledger.append(unit).await {
                Ok(appended) => {
                    let position = appended.position().unwrap_or(known_at);
                    return Ok(Withdrawn { distribution, position, repeated });
                }
                Err(AppendError::Conflict { .. }) => {}
                Err(AppendError::CommandSeen { id }) => {
                    return Err(ReceiveError::CommandSeen { id });
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(ReceiveError::Contended { version: given.version })
    }
}

fn metadata(given: &WithdrawVersion) -> Metadata {
    let mut metadata = Metadata::new(given.tenant.clone(), given.actor.clone());
    metadata.command = given.command.as_ref().map(CommandRecord::pseudonym);
    metadata.traceparent.clone_from(&given.traceparent);
    metadata
}
