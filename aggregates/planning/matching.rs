use schema::events::{NotPlannedReason, ReportVersion};
use schema::{
    ChannelKind, Format, GrantId, Planned, Preferences, Selector, Timestamp, Timing, Zone,
};

use super::files::version_files;
use crate::recipient::{Known, Place, Recipient};
use crate::subscription::Subscription;
use crate::timing::{self, Calendars};

/// On what grounds, and by which way, a pair is served.
pub(super) struct Match<'m> {
    pub channel: ChannelKind,
    pub place: Place,
    pub grant: &'m GrantId,
    pub format: Option<Format>,
    pub deadline: Timestamp,
    /// When, where that is not at once.
    pub planned: Option<Planned>,
}

/// The decision on one pair. The first check that fails names the reason.
pub(super) fn decide<'m>(
    recipient: &'m Recipient,
    subscription: &'m Subscription,
    version: &ReportVersion,
    calendars: &Calendars,
    now: Timestamp,
) -> Result<Match<'m>, NotPlannedReason> {
    let known = match recipient {
        Recipient::Retired => return Err(NotPlannedReason::RecipientRetired),
        Recipient::Unknown => None,
        Recipient::Active(known) => Some(known),
    };
    if subscription.is_paused(now) {
        return Err(NotPlannedReason::Paused);
    }
    let body = subscription.body().ok_or(NotPlannedReason::AttributesDiffer)?;
    if !wants(&body.selector, version) {
        return Err(NotPlannedReason::AttributesDiffer);
    }
    let known = known.ok_or(NotPlannedReason::NotEntitled)?;
    let grant = known.entitlement(&version.report, now).ok_or(NotPlannedReason::NotEntitled)?;
    let (channel, place) = first_usable(known, &body.preferences, now)?;
    let format = format(&body.preferences, version)?;
    let deadline = deadline(&body.preferences, version);
    let zone = known.profile.zone;
    let planned = planned(&body.preferences.timing, zone, calendars, now)?;
    if planned.as_ref().is_some_and(|planned| planned.due >= deadline) {
        return Err(NotPlannedReason::AfterDeadline);
    }
    Ok(Match { channel, place, grant: &grant.id, format, deadline, planned })
}

/// Each attribute named has one of the values listed; a missing one never matches.
pub(crate) fn wants(selector: &Selector, version: &ReportVersion) -> bool {
    selector.report.covers(&version.report)
        && selector.attributes.iter().all(|(name, values)| {
            version.attributes.get(name).is_some_and(|value| values.contains(value))
        })
}

fn first_usable(
    recipient: &Known,
    preferences: &Preferences,
    now: Timestamp,
) -> Result<(ChannelKind, Place), NotPlannedReason> {
    let channels = &preferences.channels;
    let usable =
        channels.iter().find_map(|channel| Some((*channel, recipient.reachable(*channel, now)?)));
    usable.ok_or_else(|| {
        let suppressed = channels.iter().any(|channel| recipient.active(*channel).next().is_some());
        if suppressed { NotPlannedReason::SuppressedAddress } else { NotPlannedReason::NoAddress }
    })
}

/// The first format wished for that the version has, or its data frame can be rendered to. No wish: all artifacts. A
/// version that is all attributes has nothing to choose from and satisfies every wish.
fn format(
    preferences: &Preferences,
    version: &ReportVersion,
) -> Result<Option<Format>, NotPlannedReason> {
    if preferences.formats.is_empty() || version.artifacts.is_empty() {
        return Ok(None);
    }
    let has = |format: &&Format| !version_files(version, Some(**format)).is_empty();
    let found = preferences.formats.iter().find(has).copied();
    found.map(Some).ok_or(NotPlannedReason::NoFormat)
}

fn deadline(preferences: &Preferences, version: &ReportVersion) -> Timestamp {
    let own = preferences.deadline_s.map(|s| version.received_at.plus_ms(u64::from(s) * 1000));
    own.map_or(version.deadline, |own| own.min(version.deadline))
}

/// When a pair is served that could be at `from`: at once, when no rule has a say.
pub(crate) fn planned(
    timing: &Timing,
    zone: Zone,
    calendars: &Calendars,
    from: Timestamp,
) -> Result<Option<Planned>, NotPlannedReason> {
    if timing.is_immediate() {
        return Ok(None);
    }
    let calendar = match &timing.calendar {
        None => None,
        Some(name) => {
            Some(timing::known(calendars, name).ok_or(NotPlannedReason::UnknownCalendar)?)
        }
    };
    // Further away than any deadline may be.
    let found = timing::first_instant(timing, zone, calendar.as_deref(), from)
        .ok_or(NotPlannedReason::AfterDeadline)?;
    Ok(Some(found).filter(|planned| !planned.rules.is_empty()))
}
