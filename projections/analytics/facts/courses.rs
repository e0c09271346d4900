use std::collections::HashSet;
use std::num::NonZeroUsize;

use lru::LruCache;
use schema::events::{DeliveryEvent, DistributionEvent};
use schema::{LedgerEvent, RecordedEvent, StreamId};

use super::course::{Course, Run};
use super::rows::{Fact, SliceFact, Subject};

/// Streams remembered at most, some 500 bytes each. What is forgotten is read again.
const REMEMBERED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(65_535);

/// Streams whose beginning must be told before events of theirs can be folded.
pub type Needs = HashSet<StreamId>;

/// What is remembered of streams between their events.
pub struct Courses {
    deliveries: LruCache<String, Course>,
    runs: LruCache<String, Run>,
}

impl Default for Courses {
    fn default() -> Self {
        Self { deliveries: LruCache::new(REMEMBERED), runs: LruCache::new(REMEMBERED) }
    }
}

impl Courses {
    /// The streams that `events` go on with and that are not remembered: their earlier events must be folded first, by
    /// [`Courses::remember`].
    pub fn needs<'e>(&mut self, events: impl Iterator<Item = &'e RecordedEvent>) -> Needs {
        let mut begun = HashSet::new();
        let mut needs = Needs::new();
        for event in events {
            let id = &event.stream.aggregate_id;
            let known = match &event.event {
                LedgerEvent::Delivery(DeliveryEvent::DeliveryScheduled(_))
                | LedgerEvent::Distribution(DistributionEvent::ReportReceived(_)) => {
                    begun.insert(id);
                    true
                }
                LedgerEvent::Delivery(_) => self.deliveries.contains(id),
                LedgerEvent::Distribution(_) => self.runs.contains(id),
                _ => true,
            };
            if !known && !begun.contains(id) {
                needs.insert(event.stream.clone());
            }
        }
        needs
    }

    /// Makes room for so many streams: none of a block may be forgotten before the block is folded.
    pub fn reserve(&mut self, streams: usize) {
        if let Some(room) = NonZeroUsize::new(streams).filter(|room| *room > self.deliveries.cap())
        {
            self.deliveries.resize(room);
            self.runs.resize(room);
        }
    }

    /// Folds an event without telling what follows from it: that was told before.
    pub fn remember(&mut self, event: &RecordedEvent) {
        self.fold(event, &mut Vec::new());
    }

    /// Folds the next event; tells what it is about, and the facts that follow from it.
    pub fn fold(&mut self, event: &RecordedEvent, tell: &mut Vec<Fact>) -> Subject {
        let id = &event.stream.aggregate_id;
        match &event.event {
            LedgerEvent::Delivery(change) => {
                if let DeliveryEvent::DeliveryScheduled(plan) = change {
                    self.deliveries.put(id.clone(), Course::new(event, plan));
                }
                let Some(course) = self.deliveries.get_mut(id) else { return Subject::default() };
                course.fold(event, change, tell);
                Subject::of_plan(&course.plan)
            }
            LedgerEvent::Distribution(change) => self.run(event, change, tell),
            other => Subject::of(other, event.stream.local_id()),
        }
    }

    fn run(
        &mut self,
        event: &RecordedEvent,
        change: &DistributionEvent,
        tell: &mut Vec<Fact>,
    ) -> Subject {
        let id = &event.stream.aggregate_id;
        if let DistributionEvent::ReportReceived(received) = change {
            let (report, version) = (received.report.clone(), received.version.clone());
            self.runs.put(id.clone(), Run { report, version });
        }
        let Some(run) = self.runs.get(id) else { return Subject::default() };
        if let DistributionEvent::SlicePlanned { slice, through, sums, .. } = change {
            tell.push(Fact::Slice(SliceFact {
                distribution: id.clone(),
                report: run.report.clone(),
                version: run.version.clone(),
                slice: *slice,
                is_last: through.is_none(),
                sums: sums.clone(),
                recorded_at: event.recorded_at,
                position: event.position,
            }));
        }
        Subject {
            report: Some(run.report.to_string()),
            version: Some(run.version.to_string()),
            ..Subject::default()
        }
    }
}
