use std::collections::{BTreeMap, HashMap};

use schema::{LedgerEvent, StreamId};

/// So many events are held back at most. What does not fit is let go: the tail brings it again, in order.
pub const MAX_EARLY_EVENTS: usize = 10_000;

/// Events that came before those they follow.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Early {
    streams: HashMap<StreamId, BTreeMap<i64, LedgerEvent>>,
    count: usize,
}

impl Early {
    pub(super) fn keep(&mut self, stream: &StreamId, sequence: i64, event: &LedgerEvent) {
        if self.count >= MAX_EARLY_EVENTS {
            return;
        }
        let waiting = self.streams.entry(stream.clone()).or_default();
        if waiting.insert(sequence, event.clone()).is_none() {
            self.count += 1;
        }
    }

    /// Hands out the event of `sequence`, if it waits. Nothing before it can be waiting for anything.
    pub(super) fn take(&mut self, stream: &StreamId, sequence: i64) -> Option<LedgerEvent> {
        let waiting = self.streams.get_mut(stream)?;
        let later = waiting.split_off(&sequence);
        self.count -= waiting.len();
        *waiting = later;
        let event = waiting.remove(&sequence);
        self.count -= usize::from(event.is_some());
        if waiting.is_empty() {
            self.streams.remove(stream);
        }
        event
    }
}
