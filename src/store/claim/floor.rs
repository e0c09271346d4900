use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use schema::{ChannelKind, Timestamp};
use tokio::time::Instant;

/// How long a floor is trusted: a row that another node put below it is found this much later at most.
const TRUSTED: Duration = Duration::from_secs(1);

/// A lane of a channel.
pub(crate) type LaneOf = (i16, ChannelKind);

/// From which instant on each lane of a channel has rows. Index entries of rows gone before it are not walked over
/// again at each claim: under an old snapshot nobody can remove them.
#[derive(Default)]
pub(crate) struct Floors {
    by_lane: Mutex<HashMap<LaneOf, (Timestamp, Instant)>>,
}

impl Floors {
    /// The lane's floor, unless it must be looked up again.
    pub fn known(&self, lane: LaneOf) -> Option<Timestamp> {
        let floors = self.by_lane.lock().unwrap_or_else(PoisonError::into_inner);
        floors.get(&lane).filter(|(_, seen)| seen.elapsed() < TRUSTED).map(|(floor, _)| *floor)
    }

    /// What was just looked up.
    pub fn set(&self, lane: LaneOf, floor: Timestamp, looked_up: Instant) {
        let mut floors = self.by_lane.lock().unwrap_or_else(PoisonError::into_inner);
        floors.insert(lane, (floor, looked_up));
    }

    /// This node has put rows that are due at these instants.
    pub fn lower(&self, due: &[(LaneOf, Timestamp)]) {
        if due.is_empty() {
            return;
        }
        let mut floors = self.by_lane.lock().unwrap_or_else(PoisonError::into_inner);
        for (lane, at) in due {
            if let Some((floor, _)) = floors.get_mut(lane) {
                *floor = (*floor).min(*at);
            }
        }
    }
}
