//! One command for every way in: a version is received, planned as far as one slice goes, and what may be sent at once
//! is recorded as started, in one unit. The same version again changes nothing.

mod check;
mod command;

use aggregates::distribution::{Command, Distribution, Planning, Rules};
use aggregates::planning::SliceRequest;
use aggregates::run;
use schema::events::ReportVersion;
use schema::{DistributionId, LedgerEvent, Metadata, Position, RecordedEvent, StreamId};
use store::{Append, AppendError, CommandRecord, Precondition, Unit};
use tracing::{Instrument, debug, info_span};

pub use command::{MAX_ARTIFACTS, ReceiveReport, Received};

use crate::planning::slice::Pace;
use crate::planning::unfinished;
use crate::{Intake, ReceiveError, Started, clock, figures};

/// So often a version is tried again when its predecessor's stream moves on meanwhile.
const MAX_TRIES: u32 = 16;

/// So many deliveries without a permit are planned as a version comes in, at most, where plans keep pace with sends.
const MAX_WAITING: usize = 4;

/// A version that is about to be appended.
pub(crate) struct Draft {
    unit: Unit,
    started: Vec<Started>,
    received: Received,
}

impl Intake {
    /// Takes a report version in: durable, and planned as far as one slice goes, when this returns.
    ///
    /// # Errors
    /// [`ReceiveError`]; nothing of the version was taken then. When the ledger did not answer
    /// ([`ReceiveError::is_passing`]), the same call again is safe.
    pub async fn receive(&self, given: ReceiveReport) -> Result<Received, ReceiveError> {
        let span = info_span!(
            "receive", traceparent = given.traceparent, tenant = %given.tenant,
            report = %given.report, version = %given.version
        );
        let timer = figures::Timer::start();
        let result = self.try_receive(given).instrument(span).await;
        timer.received(&result);
        result
    }

    async fn try_receive(&self, given: ReceiveReport) -> Result<Received, ReceiveError> {
        let version = self.checked(&given).await?;
        let distribution = DistributionId::of(&given.tenant, &version.report, &version.version);
        let may_be_there =
            self.came_before(distribution) || given.precondition != Precondition::Any;
        if may_be_there && let Some(received) = self.repeated(&given, &version).await? {
            return Ok(received);
        }
        given.precondition.check(Position::START)?;
        for _ in 0..MAX_TRIES {
            let corrected = self.corrected(&given).await?;
            let mut draft = self.draft_version(&given, &version, distribution)?;
            draft.unit.appends.extend(corrected);
            match self.near.ledger.append(draft.unit).await {
                Ok(appended) => {
                    let Received { considered, planned, .. } = draft.received;
                    figures::planned(considered, planned, draft.started.len());
                    self.near.permits.launch(draft.started);
                    let position = appended.position();
                    debug!(distribution.id = %distribution, "received distribution {distribution}");
                    return Ok(self.answer(Received { position, ..draft.received }));
                }
                Err(AppendError::Conflict { .. }) => {
                    drop(draft.started);
                    if let Some(received) = self.repeated(&given, &version).await? {
                        return Ok(received);
                    }
                }
                Err(AppendError::CommandSeen { id }) => {
                    return Err(ReceiveError::CommandSeen { id });
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(ReceiveError::Contended { version: version.version })
    }

    fn answer(&self, received: Received) -> Received {
        if !received.is_planned {
            self.unfinished.notify_one();
        }
        received
    }

    /// How far a version is planned as it comes in.
    fn first_pace(&self) -> Pace {
        if self.near.permits.keeps_pace() { Pace::Waiting(MAX_WAITING) } else { Pace::Whole }
    }

    /// The unit of a version that nobody has seen before.
    fn draft_version(
        &self,
        given: &ReceiveReport,
        version: &ReportVersion,
        distribution: DistributionId,
    ) -> Result<Draft, ReceiveError> {
        let request = SliceRequest {
            tenant: &given.tenant,
            version,
            slice: 0,
            after: None,
            now: clock::now(),
        };
        // A data frame may have to be rendered before anything is sent, which no publisher waits for.
        let may_plan = version.frame.is_none();
        let planned = may_plan.then(|| self.plan_slice(request, self.first_pace()));
        let mut run_state = Distribution::default();
        let mut events = run::<Rules>(&mut run_state, Command::Receive(Box::new(version.clone())))?;
        if let Some(planned) = &planned {
            let slice = planned.plan.slice.clone();
            events.extend(run::<Rules>(&mut run_state, Command::PlanSlice(slice))?);
        }

        let mut unit = Unit::new(metadata(given));
        unit.command.clone_from(&given.command);
        unit.appends.push(Append {
            stream: StreamId::distribution(distribution),
            expected: 0,
            events: events.into_iter().map(LedgerEvent::from).collect(),
        });
        let received = told(distribution, version, &run_state, false);
        unit.planning.extend(unfinished(&given.tenant, distribution, &run_state, 0));
        let started = match planned {
            Some(planned) => self.write_deliveries(&mut unit, planned, request)?,
            None => vec![],
        };
        Ok(Draft { unit, started, received })
    }

    /// The answer to a version that came in before; nothing when it did not. One under the same name that says
    /// something else is refused.
    async fn repeated(
        &self,
        given: &ReceiveReport,
        version: &ReportVersion,
    ) -> Result<Option<Received>, ReceiveError> {
        let distribution = DistributionId::of(&given.tenant, &version.report, &version.version);
        let events = self.near.ledger.load_stream(&StreamId::distribution(distribution), 0).await?;
        let Some(position) = events.last().map(|event| event.position) else {
            return Ok(None);
        };
        given.precondition.check(position)?;
        let mut known = fold(&events);
        run::<Rules>(&mut known, Command::Receive(Box::new(version.clone())))?;
        let mut received = told(distribution, version, &known, true);
        received.position = Some(position);
        if let Some(command) = &given.command {
            // The command's own outcome: nothing new happened, and it is remembered as well.
            let mut unit = Unit::new(metadata(given));
            unit.command = Some(command.clone());
            match self.near.ledger.append(unit).await {
                Ok(_) => {}
                Err(AppendError::CommandSeen { id }) => {
                    return Err(ReceiveError::CommandSeen { id });
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(received))
    }

    /// What the version that is corrected records of it.
    async fn corrected(&self, given: &ReceiveReport) -> Result<Option<Append>, ReceiveError> {
        let Some(corrects) = &given.corrects else { return Ok(None) };
        let distribution = DistributionId::of(&given.tenant, &given.report, corrects);
        let stream = StreamId::distribution(distribution);
        let events = self.near.ledger.load_stream(&stream, 0).await?;
        let Some(expected) = events.last().map(|event| event.sequence) else {
            return Err(ReceiveError::UnknownVersion {
                field: "corrects",
                report: given.report.clone(),
                version: corrects.clone(),
            });
        };
        let by = given.version.clone();
        let events = run::<Rules>(&mut fold(&events), Command::MarkCorrected { by })?;
        let events: Vec<_> = events.into_iter().map(LedgerEvent::from).collect();
        Ok((!events.is_empty()).then_some(Append { stream, expected, events }))
    }
}

/// A distribution's events, folded.
pub(crate) fn fold(events: &[RecordedEvent]) -> Distribution {
    aggregates::fold::<Rules>(events.iter().filter_map(|recorded| match &recorded.event {
        LedgerEvent::Distribution(event) => Some(event),
        _ => None,
    }))
}

fn told(
    distribution: DistributionId,
    version: &ReportVersion,
    state: &Distribution,
    repeated: bool,
) -> Received {
    let run = state.run();
    let is_open =
        |run: &aggregates::distribution::Run| matches!(run.planning, Planning::Open { .. });
    Received {
        distribution,
        digest: version.digest,
        position: None,
        repeated,
        considered: run.map_or(0, |run| run.sums.considered),
        planned: run.map_or(0, |run| run.sums.planned),
        is_planned: !run.is_some_and(is_open),
    }
}

fn metadata(given: &ReceiveReport) -> Metadata {
    let mut metadata = Metadata::new(given.tenant.clone(), given.actor.clone());
    metadata.command = given.command.as_ref().map(CommandRecord::pseudonym);
    metadata.causation.clone_from(&given.causation);
    metadata.traceparent.clone_from(&given.traceparent);
    metadata
}
