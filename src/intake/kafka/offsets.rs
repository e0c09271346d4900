use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A partition of a topic.
pub(super) type Partition = (Arc<str>, i32);

/// Which messages are being worked on, so that an offset is stored only when everything before it has its durable
/// answer.
#[derive(Debug, Default)]
pub(super) struct Offsets(HashMap<Partition, Progress>);

#[derive(Debug, Default)]
struct Progress {
    /// By offset, how often each was begun: the same offset of a topic made anew is another message.
    under_way: BTreeMap<i64, u32>,
    /// Behind the message that was begun last. It falls when the partition is read again from an earlier place, and
    /// when its topic was made anew or its log cut short: then nothing is known of what stands before the old place.
    next: i64,
}

impl Offsets {
    /// A message is begun.
    pub(super) fn begin(&mut self, partition: &Partition, offset: i64) {
        let progress = self.0.entry(partition.clone()).or_default();
        *progress.under_way.entry(offset).or_default() += 1;
        progress.next = offset + 1;
    }

    /// A message has its durable answer. Returns where the group goes on after a restart: whatever was begun before
    /// that place has its answer too, even when the partition was elsewhere for a while.
    pub(super) fn finish(&mut self, partition: &Partition, offset: i64) -> i64 {
        let progress = self.0.entry(partition.clone()).or_default();
        if let Entry::Occupied(mut begun) = progress.under_way.entry(offset) {
            *begun.get_mut() -= 1;
            if *begun.get() == 0 {
                begun.remove();
            }
        }
        let first = progress.under_way.keys().next().copied();
        first.map_or(progress.next, |first| first.min(progress.next))
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
        assert_eq!(offsets.finish(&partition(), 0), 1, "what follows it comes again, too");
        offsets.begin(&partition(), 1);
        assert_eq!(offsets.finish(&partition(), 1), 2);
    }

    #[test]
    fn a_partition_begun_anew_is_not_taken_for_the_one_before() {
        let mut offsets = Offsets::default();
        (90..100).for_each(|offset| offsets.begin(&partition(), offset));
        (90..95).for_each(|offset| _ = offsets.finish(&partition(), offset));
        (0..3).for_each(|offset| offsets.begin(&partition(), offset));
        assert_eq!(offsets.finish(&partition(), 1), 0);
        assert_eq!(offsets.finish(&partition(), 0), 2);
        assert_eq!(offsets.finish(&partition(), 2), 3);
        (95..100).for_each(|offset| assert_eq!(offsets.finish(&partition(), offset), 3));
    }

    #[test]
    fn the_answer_to_a_message_of_the_old_partition_is_none_to_the_new_ones_of_its_offset() {
        let mut offsets = Offsets::default();
        offsets.begin(&partition(), 0);
        offsets.begin(&partition(), 0);
        assert_eq!(offsets.finish(&partition(), 0), 0);
        assert_eq!(offsets.finish(&partition(), 0), 1);
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
