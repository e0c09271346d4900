use schema::Invalid;
use schema::events::ReportProfile;

use super::{Command, Event, Refusal, Report, Rules};
use crate::decider::Decider;
use crate::form;

impl Decider for Rules {
    type State = Report;
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(report: &Report, command: Command) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Register(profile) => register(report, profile),
            Command::Change(profile) => change(report, profile),
            Command::Retire { reason } => retire(report, reason),
        }
    }

    fn evolve(report: &mut Report, event: &Event) {
        report.evolve(event);
    }
}

fn register(report: &Report, profile: ReportProfile) -> Result<Vec<Event>, Refusal> {
    match report {
        Report::Unknown => {
            well_formed(&profile)?;
            Ok(vec![Event::ReportRegistered(profile)])
        }
        Report::Active(known) if *known == profile => Ok(vec![]),
        Report::Active(known) => Err(Refusal::AlreadyRegistered { title: known.title.clone() }),
        Report::Retired => Err(Refusal::Retired),
    }
}

fn change(report: &Report, profile: ReportProfile) -> Result<Vec<Event>, Refusal> {
    match report {
        Report::Unknown => Err(Refusal::NotRegistered),
        Report::Active(known) if *known == profile => Ok(vec![]),
        Report::Active(_) => {
            well_formed(&profile)?;
            Ok(vec![Event::ReportChanged(profile)])
        }
        Report::Retired => Err(Refusal::Retired),
    }
}

fn retire(report: &Report, reason: String) -> Result<Vec<Event>, Refusal> {
    match report {
        Report::Unknown => Err(Refusal::NotRegistered),
        Report::Active(_) => {
            form::reason(&reason)?;
            Ok(vec![Event::ReportRetired { reason }])
        }
        Report::Retired => Ok(vec![]),
    }
}

fn well_formed(profile: &ReportProfile) -> Result<(), Invalid> {
    form::title(&profile.title)?;
    form::opaque("owner", &profile.owner)?;
    form::deadline_s(profile.deadline_s)?;
    form::columns(&profile.columns)
}
