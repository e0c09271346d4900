use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// A partition of a topic.
pub(super) type Partition = (Arc<str>, i32);

/// Which messages are being worked on, so that an offset is stored only when everything before it has its durable answer.
#[derive(Debug, Default)]
pub(super) struct Offsets(HashMap<Partition, Progress>);

#[derive(Debug, Default)]
struct Progress {
    under_way: BTreeSet<i64>,
    /// Behind the highest message that was begun.
    next: i64,
}

impl Offsets {
    /// A message is begun.
    pub(super) fn begin(&mut self, partition: &Partition, offset: i64) {
        let progress = self.0.entry(partition.clone()).or_default();
        progress.under_way.insert(offset);
        progress.next = progress.next.max(offset + 1);
    }

    /// A message has its durable answer. Returns where the group goes on after a restart: whatever was begun before that
    /// place has its answer too, even when the partition was elsewhere for a while.
    pub(super) fn finish(&mut self, partition: &Partition, offset: i64) -> i64 {
        let progress = self.0.entry(partition.clone()).or_default();
        progress.under_way.remove(&offset);
        progress.under_way.first().copied().unwrap_or(progress.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition() -> Partition {
        (Arc::from("reports.ready"), 0)
    }

    #[test]
    fn an_offset_is_stored_only_when_all_before_it_are_done() {
        let mut offsets = Offsets::default();
        (7..10).for_each(|offset| offsets.begin(&partition(), offset));
        assert_eq!(offsets.finish(&partition(), 9), 7);
        assert_eq!(offsets.finish(&partition(), 8), 7);
        assert_eq!(offsets.finish(&partition(), 7), 10);
    }

    #[test]
    fn a_message_that_came_twice_holds_the_offset_until_it_is_done() {
        let mut offsets = Offsets::default();
        (0..3).for_each(|offset| offsets.begin(&partition(), offset));
        assert_eq!(offsets.finish(&partition(), 0), 1);
        offsets.begin(&partition(), 0);
        assert_eq!(offsets.finish(&partition(), 1), 0);
        assert_eq!(offsets.finish(&partition(), 0), 2);
    }

    #[test]
    fn partitions_move_apart_from_each_other() {
        let mut offsets = Offsets::default();
        let other = (Arc::from("reports.ready"), 1);
        offsets.begin(&partition(), 0);
        offsets.begin(&other, 0);
        assert_eq!(offsets.finish(&other, 0), 1);
        assert_eq!(offsets.finish(&partition(), 0), 1);
    }
}
