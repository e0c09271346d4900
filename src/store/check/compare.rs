use std::collections::BTreeMap;

use schema::{DeliveryId, Timestamp};

use super::QueueDifference;
use crate::{Due, QueueRow};

/// How far beyond now a row may be put back that waits for a permit, or is paused, in milliseconds.
const LONGEST_PUT_BACK_MS: u64 = 5_000;

/// A row of the queue, when it is due, and when that was read, by the database's clock.
pub(super) struct Held {
    pub row: QueueRow,
    pub due_at: Timestamp,
    pub now: Timestamp,
}

/// What the events say against what the queue holds, for the same deliveries.
pub(super) fn compare(
    mut expected: BTreeMap<DeliveryId, (QueueRow, Due)>,
    queue: impl IntoIterator<Item = Held>,
) -> Vec<QueueDifference> {
    let mut differences = Vec::new();
    for held in queue {
        let delivery = held.row.delivery;
        match expected.remove(&delivery) {
            Some((folded, due)) => {
                differences.extend(columns(&held.row, &folded));
                differences.extend(instants(&held, due));
            }
            None => differences.push(QueueDifference::Surplus { delivery }),
        }
    }
    differences.extend(expected.into_keys().map(|delivery| QueueDifference::Missing { delivery }));
    differences.sort_by_key(QueueDifference::delivery);
    differences
}

fn columns(queue: &QueueRow, events: &QueueRow) -> Vec<QueueDifference> {
    let pairs = [
        ("tenant", queue.tenant.to_string(), events.tenant.to_string()),
        ("distribution", queue.distribution.to_string(), events.distribution.to_string()),
        ("channel", queue.channel.to_string(), events.channel.to_string()),
        ("destination", queue.destination.to_string(), events.destination.to_string()),
        ("lane", queue.lane.to_string(), events.lane.to_string()),
        ("sequence", queue.sequence.to_string(), events.sequence.to_string()),
        ("state", queue.state.clone(), events.state.clone()),
    ];
    pairs
        .into_iter()
        .filter(|(_, in_queue, in_events)| in_queue != in_events)
        .map(|(column, in_queue, in_events)| QueueDifference::Differs {
            delivery: queue.delivery,
            column,
            queue: in_queue,
            events: in_events,
        })
        .collect()
}

/// A row that waits is due when the events say, or a little later when it was put back; a lease, which no event names,
/// ends within the longest one from now.
fn instants(held: &Held, due: Due) -> Option<QueueDifference> {
    let (is_so, events) = match due {
        Due::At(at) => {
            let is_put_back =
                at < held.due_at && held.due_at <= held.now.plus_ms(LONGEST_PUT_BACK_MS);
            (held.due_at == at || is_put_back, at.to_string())
        }
        Due::Leased { lease_ms } => {
            let longest = held.now.plus_ms(lease_ms);
            (held.due_at <= longest, format!("leased until {longest} at the latest"))
        }
    };
    (!is_so).then(|| QueueDifference::Differs {
        delivery: held.row.delivery,
        column: "due_at",
        queue: held.due_at.to_string(),
        events,
    })
}
