use schema::{Position, Sha256};
use store::Told;
use tokio::sync::mpsc::Sender;

use super::blocking;
use super::difference::Place;
use super::error::MirrorError;
use super::reading::{Read, Reading};
use super::view::MirrorView;

/// Events handed on at once.
const PORTION: usize = 1_000;

/// What the mirror holds beyond the end of a restored backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beyond {
    /// The mirror's checkpoint: everything up to here was handed on.
    pub through: Position,
    /// The hash of that event.
    pub hash: Sha256,
    /// The last event handed on, with the hash it has; absent when there was none.
    pub last: Option<(Position, Sha256)>,
}

impl MirrorView {
    /// Hands on every event that was mirrored behind `head`, the ledger's last one with its hash: each once, in the
    /// order of its partition. Refuses when the ledger is no older state of what was mirrored, or when retention may
    /// have taken some of it.
    ///
    /// # Errors
    /// [`MirrorError`].
    pub async fn beyond(
        &self,
        head: Position,
        head_hash: Option<Sha256>,
        events: Sender<Vec<Told>>,
    ) -> Result<Beyond, MirrorError> {
        let known = self.known().await?;
        let source = self.source().await?;
        let client = self.client.clone();
        blocking(move || {
            let reading = Reading::connect(&client)?;
            let mut beyond = Beyond { through: known.position, hash: known.hash, last: None };
            if known.position <= head {
                return Ok(beyond);
            }
            let (mut portion, mut is_same) = (Vec::with_capacity(PORTION), false);
            for (topic, ends) in &known.ends {
                let mut first = vec![None; ends.len()];
                let begins = reading.topic(topic, ends, &mut |read| {
                    let foreign = |why| MirrorError::Foreign { place: read.place(topic), why };
                    let (event, payload) =
                        read.told.as_ref().map_err(|why| foreign(why.to_string()))?;
                    if event.source != source {
                        return Err(foreign(format!("it is of {}", event.source)));
                    }
                    if let Some(first) = first.get_mut(read.partition) {
                        first.get_or_insert(event.position);
                    }
                    is_same |=
                        event.position == head && Some(Read::hash(event, payload)) == head_hash;
                    if event.position <= head || event.position > known.position {
                        return Ok(());
                    }
                    if beyond.last.is_none_or(|(last, _)| last < event.position) {
                        beyond.last = Some((event.position, Read::hash(event, payload)));
                    }
                    portion.push((event.clone(), (*payload).to_owned()));
                    if portion.len() == PORTION {
                        hand_on(&events, std::mem::take(&mut portion))?;
                    }
                    Ok(())
                })?;
                taken_by_retention(topic, &begins, &first, head)?;
            }
            if !is_same {
                return Err(MirrorError::Diverged { position: head });
            }
            hand_on(&events, portion)?;
            Ok(beyond)
        })
        .await
    }
}

fn hand_on(events: &Sender<Vec<Told>>, portion: Vec<Told>) -> Result<(), MirrorError> {
    events.blocking_send(portion).map_err(|_| MirrorError::CalledOff)
}

/// Refuses a partition that does not begin with the log, nor with an event that the ledger has.
fn taken_by_retention(
    topic: &str,
    begins: &[i64],
    first: &[Option<Position>],
    head: Position,
) -> Result<(), MirrorError> {
    for (partition, (begin, first)) in begins.iter().zip(first).enumerate() {
        if *begin > 0 && first.is_none_or(|first| first > head) {
            let place = Place { topic: topic.to_owned(), partition, offset: *begin };
            return Err(MirrorError::Retention { place, head });
        }
    }
    Ok(())
}
