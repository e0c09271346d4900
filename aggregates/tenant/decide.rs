use std::collections::BTreeSet;

use schema::events::PauseScope;
use schema::{Calendar, CalendarName, Invalid, Position};

use super::{Command, Event, MAX_CALENDARS, MAX_PAUSES, Refusal, Rules, Skip, Tenant};
use crate::decider::Decider;
use crate::{form, timing};

impl Decider for Rules {
    type State = Tenant;
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(tenant: &Tenant, command: Command) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Create { title } => create(tenant, title),
            Command::PauseDispatch { scope, reason } => pause(tenant, scope, reason),
            Command::ResumeDispatch { scope } => resume(tenant, scope),
            Command::SkipEvent { follower, position, reason } => {
                skip(tenant, follower, position, reason)
            }
            Command::AcceptLoss { head, known, reason } => accept_loss(tenant, head, known, reason),
            Command::DefineCalendar { calendar, days } => define_calendar(tenant, calendar, days),
            Command::RemoveCalendar { calendar } => remove_calendar(tenant, calendar),
        }
    }

    fn evolve(tenant: &mut Tenant, event: &Event) {
        tenant.evolve(event);
    }
}

fn create(tenant: &Tenant, title: String) -> Result<Vec<Event>, Refusal> {
    match tenant {
        Tenant::Unknown => {
            form::title(&title)?;
            Ok(vec![Event::TenantCreated { title }])
        }
        Tenant::Known { title: known, .. } if *known == title => Ok(vec![]),
        Tenant::Known { title, .. } => Err(Refusal::AlreadyCreated { title: title.clone() }),
    }
}

fn pause(tenant: &Tenant, scope: PauseScope, reason: String) -> Result<Vec<Event>, Refusal> {
    let (pauses, _) = known(tenant)?;
    form::reason(&reason)?;
    if pauses.contains(&scope) {
        return Ok(vec![]);
    }
    if pauses.len() >= MAX_PAUSES {
        return Err(Refusal::TooManyPauses { pause_count: pauses.len() });
    }
    Ok(vec![Event::DispatchPaused { scope, reason }])
}

fn resume(tenant: &Tenant, scope: PauseScope) -> Result<Vec<Event>, Refusal> {
    let (pauses, _) = known(tenant)?;
    if !pauses.contains(&scope) {
        return Ok(vec![]);
    }
    Ok(vec![Event::DispatchResumed { scope }])
}

fn skip(
    tenant: &Tenant,
    follower: String,
    position: Position,
    reason: String,
) -> Result<Vec<Event>, Refusal> {
    let (_, skips) = known(tenant)?;
    form::opaque("follower", &follower)?;
    form::reason(&reason)?;
    if skips.contains(&Skip { follower: follower.clone(), position }) {
        return Ok(vec![]);
    }
    Ok(vec![Event::EventSkipped { follower, position, reason }])
}

fn accept_loss(
    tenant: &Tenant,
    head: Position,
    known: Position,
    reason: String,
) -> Result<Vec<Event>, Refusal> {
    let Tenant::Known { lost_through, .. } = tenant else { return Err(Refusal::NotCreated) };
    form::reason(&reason)?;
    if known <= *lost_through {
        return Ok(vec![]);
    }
    if known < head {
        return Err(Refusal::NothingLost { head, known });
    }
    Ok(vec![Event::LossAccepted { head, known, reason }])
}

fn define_calendar(
    tenant: &Tenant,
    calendar: CalendarName,
    days: Calendar,
) -> Result<Vec<Event>, Refusal> {
    let Tenant::Known { calendars, .. } = tenant else { return Err(Refusal::NotCreated) };
    if calendar.as_str() == timing::WEEKDAYS {
        let rule = "is Monday to Friday for every tenant: choose another name";
        return Err(Invalid::new("calendar", calendar.as_str(), rule).into());
    }
    timing::calendar(&days)?;
    let known = calendars.get(&calendar);
    if known == Some(&days) {
        return Ok(vec![]);
    }
    if known.is_none() && calendars.len() >= MAX_CALENDARS {
        return Err(Refusal::TooManyCalendars { calendar_count: calendars.len() });
    }
    Ok(vec![Event::CalendarDefined { calendar, days }])
}

fn remove_calendar(tenant: &Tenant, calendar: CalendarName) -> Result<Vec<Event>, Refusal> {
    let Tenant::Known { calendars, .. } = tenant else { return Err(Refusal::NotCreated) };
    if calendars.contains_key(&calendar) {
        return Ok(vec![Event::CalendarRemoved { calendar }]);
    }
    Ok(vec![])
}

fn known(tenant: &Tenant) -> Result<(&BTreeSet<PauseScope>, &BTreeSet<Skip>), Refusal> {
    match tenant {
        Tenant::Unknown => Err(Refusal::NotCreated),
        Tenant::Known { pauses, skips, .. } => Ok((pauses, skips)),
    }
}
