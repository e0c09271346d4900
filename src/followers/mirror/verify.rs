//! Whether the mirror holds what the ledger does: both are read once, summed up by windows of positions, and only
//! where the sums differ read once more to name the events.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use schema::{Position, Sha256, ToldEvent};
use serde::Serialize;
use store::{LogIdentity, LogRow};

use super::checkpoint::Checkpoint;
use super::difference::{MirrorDifference, Place};
use super::error::MirrorError;
use super::reading::{Read, Reading};
use super::sums::Sums;
use super::view::MirrorView;
use super::{blocking, partition};

/// Differences named, at most.
const MOST_NAMED: usize = 1_000;
/// Positions read once more to name what differs there, at most.
const MOST_DRILLED: i64 = 200_000;
/// Positions of the ledger read at once.
const PORTION: u32 = 2_000;
/// Between two words on how far it is.
const TELL_EVERY: u64 = 10_000;

/// Hears what is being read and how many events of it were.
pub type Tell = Arc<dyn Fn(&str, u64) + Send + Sync>;

/// Part of a topic that retention has begun to take away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Retained {
    /// Which topic.
    pub topic: String,
    /// Which of its partitions.
    pub partition: usize,
    /// The first event it still holds; absent when it holds none.
    pub from: Option<Position>,
}

/// How the mirror compares with the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Whether no difference was found.
    pub equal: bool,
    /// The mirror's checkpoint: compared up to here.
    pub through: Position,
    /// Events of the ledger that were compared.
    pub events: u64,
    /// Partitions that do not begin with the log, and were compared from their first event on.
    pub retained: Vec<Retained>,
    /// What differs, at most a thousand of them.
    pub differences: Vec<MirrorDifference>,
    /// Windows of positions that differ and were too many to be read again.
    pub not_looked_into: usize,
}

/// By topic, for each partition the first position that must be there: behind every one where nothing is left.
type Starts = BTreeMap<String, Vec<Position>>;

/// What reading the topics gave.
struct Seen {
    sums: Sums,
    starts: Starts,
    retained: Vec<Retained>,
    differences: Vec<MirrorDifference>,
}

impl MirrorView {
    /// Reads all topics and the ledger up to the mirror's checkpoint, and compares them.
    ///
    /// # Errors
    /// [`MirrorError`] when nothing was mirrored yet, topics are gone or cut off, or Kafka or the ledger is away.
    pub async fn verify(&self, tell: Tell) -> Result<Verification, MirrorError> {
        let known = self.known().await?;
        let through = known.position;
        let expected = self.ledger.event_hash(through).await?;
        if expected != Some(known.hash) {
            return Err(MirrorError::OtherLedger { position: through });
        }
        let source = self.source().await?;
        let mut seen = self.pass(&known, &source, &tell).await?;
        let ledger = self.sum_ledger(through, &seen.starts, &tell).await?;
        let windows = ledger.differing(&seen.sums);
        let mut positions = 0;
        let looked_into: Vec<_> = windows
            .iter()
            .take_while(|window| {
                positions += window.end - window.start;
                positions <= MOST_DRILLED
            })
            .cloned()
            .collect();
        let not_looked_into = windows.len() - looked_into.len();
        if !looked_into.is_empty() {
            let named = self.drill(&known, &seen.starts, looked_into, &tell).await?;
            seen.differences.extend(named);
        }
        seen.differences.truncate(MOST_NAMED);
        Ok(Verification {
            equal: windows.is_empty() && seen.differences.is_empty(),
            through,
            events: ledger.count(),
            retained: seen.retained,
            differences: seen.differences,
            not_looked_into,
        })
    }

    async fn pass(
        &self,
        known: &Checkpoint,
        source: &str,
        tell: &Tell,
    ) -> Result<Seen, MirrorError> {
        let (client, names) = (self.client.clone(), self.names.clone());
        let (known, source, tell) = (known.clone(), source.to_owned(), Arc::clone(tell));
        blocking(move || {
            let reading = Reading::connect(&client)?;
            let mut seen = Seen {
                sums: Sums::through(known.position),
                starts: Starts::new(),
                retained: Vec::new(),
                differences: Vec::new(),
            };
            let mut count = 0;
            for (topic, ends) in &known.ends {
                let belongs = |event: &ToldEvent| {
                    event.source == source && names.events(&event.aggregate_type) == *topic
                };
                let mut pass = TopicPass::new(topic, ends.len(), known.position);
                let begins = reading.topic(topic, ends, &mut |read| {
                    count += 1;
                    if count % TELL_EVERY == 0 {
                        tell("mirror", count);
                    }
                    pass.take(&mut seen, &read, belongs);
                    Ok(())
                })?;
                pass.end(&mut seen, &begins);
            }
            Ok(seen)
        })
        .await
    }

    /// Sums up those events of the ledger that must be on the topics.
    async fn sum_ledger(
        &self,
        through: Position,
        starts: &Starts,
        tell: &Tell,
    ) -> Result<Sums, MirrorError> {
        let (mut sums, mut after, mut count) = (Sums::through(through), Position::START, 0);
        while after < through {
            let rows = self.ledger.read(after, through, PORTION, None).await?;
            after = rows.last().map_or(through, |row| row.position);
            for row in rows.iter().filter(|row| self.is_due(row, starts)) {
                sums.add(row.position, &LogIdentity::hash(row));
            }
            count += rows.len() as u64;
            tell("ledger", count);
        }
        Ok(sums)
    }

    /// Whether the event must be on its topic: retention has not taken it.
    fn is_due(&self, row: &LogRow, starts: &Starts) -> bool {
        let Some(starts) = starts.get(&self.names.events(&row.aggregate_type)) else { return true };
        let start = starts.get(partition::of(&row.aggregate_id, starts.len()));
        start.is_none_or(|start| row.position >= *start)
    }

    /// Names what differs in windows of positions.
    async fn drill(
        &self,
        known: &Checkpoint,
        starts: &Starts,
        windows: Vec<Range<i64>>,
        tell: &Tell,
    ) -> Result<Vec<MirrorDifference>, MirrorError> {
        tell("differences", 0);
        let mut ledger = BTreeMap::new();
        for window in &windows {
            let mut after = Position(window.start - 1);
            let through = known.position.min(Position(window.end - 1));
            while after < through {
                let rows = self.ledger.read(after, through, PORTION, None).await?;
                after = rows.last().map_or(through, |row| row.position);
                let due = rows.iter().filter(|row| self.is_due(row, starts));
                ledger.extend(due.map(|row| {
                    let topic = self.names.events(&row.aggregate_type);
                    (row.position, (LogIdentity::hash(row), topic))
                }));
            }
        }
        let (client, known) = (self.client.clone(), known.clone());
        blocking(move || {
            let reading = Reading::connect(&client)?;
            let mut told: BTreeMap<Position, Vec<(Place, Sha256)>> = BTreeMap::new();
            for (topic, ends) in &known.ends {
                reading.topic(topic, ends, &mut |read| {
                    if let Ok((event, payload)) = &read.told
                        && event.position <= known.position
                        && windows.iter().any(|window| window.contains(&event.position.0))
                    {
                        let hash = Read::hash(event, payload);
                        told.entry(event.position).or_default().push((read.place(topic), hash));
                    }
                    Ok(())
                })?;
            }
            Ok(named(ledger, told))
        })
        .await
    }
}

fn named(
    mut ledger: BTreeMap<Position, (Sha256, String)>,
    told: BTreeMap<Position, Vec<(Place, Sha256)>>,
) -> Vec<MirrorDifference> {
    let mut named = Vec::new();
    for (position, records) in told {
        let mut expected = ledger.remove(&position);
        let mut is_first = true;
        for (place, hash) in records {
            match &mut expected {
                None => named.push(MirrorDifference::Extra { position, place }),
                Some(_) if !is_first => named.push(MirrorDifference::Twice { position, place }),
                Some((expected, _)) if *expected != hash => {
                    named.push(MirrorDifference::Altered { position, place });
                }
                Some(_) => {}
            }
            is_first = false;
        }
    }
    let lost = ledger.into_iter();
    named.extend(lost.map(|(position, (_, topic))| MirrorDifference::Lost { position, topic }));
    named
}

/// Reading one topic through.
struct TopicPass<'t> {
    topic: &'t str,
    through: Position,
    /// For each partition the first and the last event that stood there.
    first: Vec<Option<Position>>,
    last: Vec<Position>,
}

impl<'t> TopicPass<'t> {
    fn new(topic: &'t str, partitions: usize, through: Position) -> Self {
        let (first, last) = (vec![None; partitions], vec![Position::START; partitions]);
        Self { topic, through, first, last }
    }

    fn take(&mut self, seen: &mut Seen, read: &Read<'_>, belongs: impl Fn(&ToldEvent) -> bool) {
        let place = || read.place(self.topic);
        let mut differs = |difference| {
            if seen.differences.len() < MOST_NAMED {
                seen.differences.push(difference);
            }
        };
        let (event, payload) = match &read.told {
            Ok(told) => told,
            Err(why) => {
                differs(MirrorDifference::Foreign { place: place(), why: why.to_string() });
                return;
            }
        };
        if !belongs(event) {
            let why = format!("it tells a {} of {}", event.aggregate_type, event.source);
            differs(MirrorDifference::Foreign { place: place(), why });
            return;
        }
        // What was mirrored since the checkpoint was read.
        if event.position > self.through {
            return;
        }
        let position = event.position;
        if partition::of(&event.aggregate_id, self.last.len()) != read.partition {
            differs(MirrorDifference::Misplaced { position, place: place() });
        }
        if let Some(last) = self.last.get_mut(read.partition) {
            let behind = *last;
            if position <= behind {
                differs(MirrorDifference::OutOfOrder { position, place: place(), behind });
            }
            *last = behind.max(position);
        }
        if let Some(first) = self.first.get_mut(read.partition) {
            first.get_or_insert(position);
        }
        seen.sums.add(position, &Read::hash(event, payload));
    }

    /// Notes what retention has left.
    fn end(self, seen: &mut Seen, begins: &[i64]) {
        let mut starts = Vec::with_capacity(begins.len());
        for (partition, (begin, first)) in begins.iter().zip(self.first).enumerate() {
            if *begin == 0 {
                starts.push(Position::START);
                continue;
            }
            starts.push(first.unwrap_or(Position(i64::MAX)));
            let topic = self.topic.to_owned();
            seen.retained.push(Retained { topic, partition, from: first });
        }
        seen.starts.insert(self.topic.to_owned(), starts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_extra_altered_or_told_twice_is_named() {
        let hash = |of: &str| Sha256::of(of.as_bytes());
        let place = |offset| Place { topic: "t".to_owned(), partition: 0, offset };
        let ledger = [1, 2, 3, 4].map(|at| (Position(at), (hash("right"), "t".to_owned())));
        let told = [
            (Position(1), vec![(place(0), hash("right"))]),
            (Position(2), vec![(place(1), hash("right")), (place(2), hash("right"))]),
            (Position(3), vec![(place(3), hash("wrong"))]),
            (Position(5), vec![(place(4), hash("right"))]),
        ];
        let expected = [
            MirrorDifference::Twice { position: Position(2), place: place(2) },
            MirrorDifference::Altered { position: Position(3), place: place(3) },
            MirrorDifference::Extra { position: Position(5), place: place(4) },
            MirrorDifference::Lost { position: Position(4), topic: "t".to_owned() },
        ];
        assert_eq!(named(BTreeMap::from(ledger), BTreeMap::from(told)), expected);
    }
}
