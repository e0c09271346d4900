use std::collections::BTreeSet;

use schema::events::{ArtifactRef, OutcomeCounts, ReportVersion};
use schema::{Format, Frame, Invalid, VersionName, checked_line};

use super::{
    Command, Distribution, Event, MAX_ARTIFACTS, MAX_FILE_NAME_BYTES, Planning, Refusal, Rules,
    Run, Slice,
};
use crate::decider::Decider;
use crate::form;
use crate::planning::version_digest;

impl Decider for Rules {
    type State = Distribution;
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(distribution: &Distribution, command: Command) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Receive(version) => receive(distribution, *version),
            Command::PlanSlice(slice) => plan_slice(received(distribution)?, slice),
            Command::MarkCorrected { by } => mark_corrected(received(distribution)?, by),
            Command::Withdraw { reason } => withdraw(received(distribution)?, reason),
            Command::Reconcile { outcomes } => reconcile(received(distribution)?, outcomes),
        }
    }

    fn evolve(distribution: &mut Distribution, event: &Event) {
        distribution.evolve(event);
    }
}

fn received(distribution: &Distribution) -> Result<&Run, Refusal> {
    distribution.run().ok_or(Refusal::NotReceived)
}

fn receive(distribution: &Distribution, given: ReportVersion) -> Result<Vec<Event>, Refusal> {
    if let Some(Run { version: known, .. }) = distribution.run() {
        if known.digest == given.digest {
            return Ok(vec![]);
        }
        return Err(Refusal::DigestDiffers {
            report: given.report,
            version: given.version,
            known: known.digest,
            given: given.digest,
        });
    }
    well_formed(&given)?;
    if given.corrects.as_ref() == Some(&given.version) {
        return Err(Refusal::CorrectsItself { version: given.version });
    }
    if given.deadline <= given.received_at {
        let (deadline, received_at) = (given.deadline, given.received_at);
        return Err(Refusal::DeadlineNotAfterReceipt { deadline, received_at });
    }
    let found = version_digest(&given.attributes, &given.artifacts, frame_name(&given));
    if found != given.digest {
        return Err(Refusal::DigestWrong { said: given.digest, found });
    }
    Ok(vec![Event::ReportReceived(given)])
}

fn plan_slice(run: &Run, given: Slice) -> Result<Vec<Event>, Refusal> {
    let (next_slice, after) = match &run.planning {
        Planning::Open { next_slice, after } => (*next_slice, after),
        Planning::Complete { slice_count } | Planning::Reconciled { slice_count, .. } => {
            return Err(Refusal::PlanComplete { slice_count: *slice_count });
        }
    };
    if given.slice != next_slice || given.after != *after {
        return Err(Refusal::SliceOutOfOrder {
            expected: next_slice,
            expected_after: after.clone(),
            given: given.slice,
            given_after: given.after,
        });
    }
    if let Some(through) = given.through.as_ref().filter(|last| Some(*last) <= after.as_ref()) {
        return Err(Refusal::RangeNotGrowing { through: through.clone() });
    }
    sums_close(&given)?;
    let Slice { slice, after, through, read_at, sums, decisions } = given;
    Ok(vec![Event::SlicePlanned { slice, after, through, read_at, sums, decisions }])
}

fn sums_close(given: &Slice) -> Result<(), Refusal> {
    let not_planned: u64 = given.sums.not_planned.values().sum();
    let decisions = given.decisions.len() as u64;
    let (considered, planned) = (given.sums.considered, given.sums.planned);
    if considered == planned + not_planned && decisions == not_planned {
        return Ok(());
    }
    Err(Refusal::SliceSumsDiffer { considered, planned, not_planned, decisions })
}

fn mark_corrected(run: &Run, by: VersionName) -> Result<Vec<Event>, Refusal> {
    if by == run.version.version {
        return Err(Refusal::CorrectsItself { version: by });
    }
    match &run.corrected_by {
        None => Ok(vec![Event::VersionCorrected { by }]),
        Some(known) if *known == by => Ok(vec![]),
        Some(known) => Err(Refusal::AlreadyCorrected { by: known.clone() }),
    }
}

fn withdraw(run: &Run, reason: String) -> Result<Vec<Event>, Refusal> {
    form::reason(&reason)?;
    if run.withdrawn {
        return Ok(vec![]);
    }
    Ok(vec![Event::VersionWithdrawn { reason }])
}

fn reconcile(run: &Run, outcomes: OutcomeCounts) -> Result<Vec<Event>, Refusal> {
    match &run.planning {
        Planning::Open { next_slice, .. } => Err(Refusal::PlanOpen { next_slice: *next_slice }),
        Planning::Reconciled { outcomes: known, .. } if *known == outcomes => Ok(vec![]),
        Planning::Reconciled { .. } => Err(Refusal::AlreadyReconciled),
        Planning::Complete { .. } if outcomes.total() != run.sums.planned => {
            let (planned, closed) = (run.sums.planned, outcomes.total());
            Err(Refusal::OutcomesDiffer { planned, closed })
        }
        Planning::Complete { .. } => {
            Ok(vec![Event::DistributionReconciled { sums: run.sums.clone(), outcomes }])
        }
    }
}

fn well_formed(version: &ReportVersion) -> Result<(), Invalid> {
    form::title(&version.title)?;
    form::attributes(&version.attributes)?;
    if version.artifacts.len() > MAX_ARTIFACTS {
        let rule = format!("must be at most {MAX_ARTIFACTS} in number");
        return Err(Invalid::new("artifacts", &version.artifacts.len().to_string(), rule));
    }
    let mut names = BTreeSet::new();
    version.artifacts.iter().try_for_each(|artifact| file_name(artifact, &mut names))?;
    frame(version)
}

fn frame_name(version: &ReportVersion) -> Option<&str> {
    version.frame.as_ref().map(|frame| frame.artifact.as_str())
}

/// The data frame is one of the version's own files, of a format that can hold one.
fn frame(version: &ReportVersion) -> Result<(), Invalid> {
    let Some(name) = frame_name(version) else { return Ok(()) };
    let Some(artifact) = version.artifacts.iter().find(|artifact| artifact.name == name) else {
        return Err(Invalid::new("frame", name, "must be the name of one of the artifacts"));
    };
    if !Frame::FORMATS.contains(&artifact.format) {
        let rule = format!("must be {}", Frame::FORMATS.map(Format::as_str).join(" or "));
        return Err(Invalid::new("frame.format", artifact.format.as_str(), rule));
    }
    Ok(())
}

fn file_name<'v>(artifact: &'v ArtifactRef, seen: &mut BTreeSet<&'v str>) -> Result<(), Invalid> {
    let name = artifact.name.as_str();
    checked_line("artifact.name", name, MAX_FILE_NAME_BYTES)?;
    if name.contains(['/', '\\']) || name == "." || name == ".." {
        return Err(Invalid::new("artifact.name", name, "must be a file name without a path"));
    }
    if !seen.insert(name) {
        return Err(Invalid::new("artifact.name", name, "must not be that of another artifact"));
    }
    Ok(())
}
