use std::collections::{BTreeMap, BTreeSet};

use schema::events::PauseScope;
use schema::{ChannelKind, DestinationKey, Position};
use serde::{Deserialize, Serialize};

use super::Event;
use crate::timing::Calendars;

/// An event that a follower was told to leave out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Skip {
    /// Which follower.
    pub follower: String,
    /// Which event.
    pub position: Position,
}

/// What is known of a tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tenant {
    /// Never set up.
    #[default]
    Unknown,
    /// Set up.
    Known {
        /// Its name for people.
        title: String,
        /// What is held back.
        pauses: BTreeSet<PauseScope>,
        /// What followers were told to leave out (tenant `system` only).
        skips: BTreeSet<Skip>,
        /// Up to where losses of the log were accepted (tenant `system` only).
        #[serde(default)]
        lost_through: Position,
        /// Which days are business days.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        calendars: Calendars,
    },
}

impl Tenant {
    /// The pause that holds back a send on `channel` to `destination`, the widest one first.
    #[must_use]
    pub fn pause(&self, channel: ChannelKind, destination: &DestinationKey) -> Option<PauseScope> {
        let Self::Known { pauses, .. } = self else { return None };
        if pauses.is_empty() {
            return None;
        }
        let destination = destination.clone();
        [PauseScope::All, PauseScope::Channel { channel }, PauseScope::Destination { destination }]
            .into_iter()
            .find(|scope| pauses.contains(scope))
    }

    /// Its calendars, by name.
    #[must_use]
    pub const fn calendars(&self) -> Option<&Calendars> {
        match self {
            Self::Known { calendars, .. } => Some(calendars),
            Self::Unknown => None,
        }
    }

    pub(super) fn evolve(&mut self, event: &Event) {
        if let Event::TenantCreated { title } = event {
            let (pauses, skips) = (BTreeSet::new(), BTreeSet::new());
            let lost_through = Position::START;
            let calendars = BTreeMap::new();
            *self = Self::Known { title: title.clone(), pauses, skips, lost_through, calendars };
        }
        let Self::Known { pauses, skips, lost_through, calendars, .. } = self else { return };
        match event {
            Event::TenantCreated { .. } => {}
            Event::DispatchPaused { scope, .. } => {
                pauses.insert(scope.clone());
            }
            Event::DispatchResumed { scope } => {
                pauses.remove(scope);
            }
            Event::EventSkipped { follower, position, .. } => {
                skips.insert(Skip { follower: follower.clone(), position: *position });
            }
            Event::LossAccepted { known, .. } => *lost_through = (*lost_through).max(*known),
            Event::CalendarDefined { calendar, days } => {
                calendars.insert(calendar.clone(), days.clone());
            }
            Event::CalendarRemoved { calendar } => {
                calendars.remove(calendar);
            }
        }
    }
}
