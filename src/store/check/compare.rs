use std::collections::BTreeMap;

use schema::DeliveryId;

use super::QueueDifference;
use crate::QueueRow;

/// What the events say against what the queue holds, for the same deliveries. Instants are left out: a lease is not
/// derived from events.
pub(super) fn compare(
    mut expected: BTreeMap<DeliveryId, QueueRow>,
    queue: impl IntoIterator<Item = QueueRow>,
) -> Vec<QueueDifference> {
    let mut differences = Vec::new();
    for row in queue {
        match expected.remove(&row.delivery) {
            Some(folded) => differences.extend(columns(&row, &folded)),
            None => differences.push(QueueDifference::Surplus { delivery: row.delivery }),
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
