use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_graphql::dataloader::Loader;
use schema::events::DistributionEvent;
use schema::{
    AggregateType, DeliveryId, DistributionId, LedgerEvent, Position, RecordedEvent, StreamId,
};

use super::Rows;
use crate::graphql::fault::Fault;

/// All events of a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TimelineOf(pub DeliveryId);

/// The position at which each slice of a distribution was read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SlicesOf(pub DistributionId);

impl Loader<TimelineOf> for Rows {
    type Value = Arc<Vec<RecordedEvent>>;
    type Error = Fault;

    async fn load(&self, keys: &[TimelineOf]) -> Result<HashMap<TimelineOf, Self::Value>, Fault> {
        let streams = keys.iter().map(|key| StreamId::delivery(key.0).aggregate_id).collect();
        let mut streams = self.streams(AggregateType::Delivery, streams).await?;
        let each = keys.iter().filter_map(|key| {
            let events = streams.remove(&StreamId::delivery(key.0).aggregate_id)?;
            Some((key.clone(), Arc::new(events)))
        });
        Ok(each.collect())
    }
}

impl Loader<SlicesOf> for Rows {
    type Value = Arc<BTreeMap<u32, Position>>;
    type Error = Fault;

    async fn load(&self, keys: &[SlicesOf]) -> Result<HashMap<SlicesOf, Self::Value>, Fault> {
        let streams = keys.iter().map(|key| StreamId::distribution(key.0).aggregate_id).collect();
        let mut streams = self.streams(AggregateType::Distribution, streams).await?;
        let each = keys.iter().filter_map(|key| {
            let events = streams.remove(&StreamId::distribution(key.0).aggregate_id)?;
            Some((key.clone(), Arc::new(events.iter().filter_map(slice).collect())))
        });
        Ok(each.collect())
    }
}

fn slice(event: &RecordedEvent) -> Option<(u32, Position)> {
    match &event.event {
        LedgerEvent::Distribution(DistributionEvent::SlicePlanned { slice, read_at, .. }) => {
            Some((*slice, *read_at))
        }
        _ => None,
    }
}

impl Rows {
    /// Streams of one kind, those of other tenants left out: their ids tell nothing of whose they are.
    async fn streams(
        &self,
        kind: AggregateType,
        ids: Vec<String>,
    ) -> Result<HashMap<String, Vec<RecordedEvent>>, Fault> {
        let mut streams = self.api.ledger.load_streams(kind, &ids).await?;
        let own = |event: &RecordedEvent| event.metadata.tenant == self.tenant;
        streams.retain(|_, events| events.iter().all(own));
        Ok(streams)
    }
}
