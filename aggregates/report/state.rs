use schema::events::ReportProfile;
use serde::{Deserialize, Serialize};

use super::Event;

/// What is known of a kind of report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// Nothing.
    #[default]
    Unknown,
    /// Its profile; versions are taken.
    Active(ReportProfile),
    /// No further versions are taken.
    Retired,
}

impl Report {
    pub(super) fn evolve(&mut self, event: &Event) {
        *self = match event {
            Event::ReportRegistered(profile) | Event::ReportChanged(profile) => {
                Self::Active(profile.clone())
            }
            Event::ReportRetired { .. } => Self::Retired,
        };
    }
}
