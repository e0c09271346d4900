use std::collections::{HashMap, HashSet, VecDeque};

use async_graphql::{ComplexObject, Context, ID, SimpleObject};
use futures::{Stream, stream};
use projections::deliveries::queries as deliveries;
use schema::{DeliveryId, DistributionId, LedgerEvent, TenantId};
use store::LogRow;
use uuid::Uuid;

use super::events::{Events, newer};
use super::feed::Feed;
use crate::graphql::fault::{Fault, FaultCode};
use crate::graphql::loaders::{DeliveryKey, DistributionKey};
use crate::graphql::nodes::Delivery;
use crate::graphql::scalars::LogPosition;
use crate::graphql::session::{Session, await_position};
use crate::graphql::timeline::TimelineEntry;
use crate::state::ApiState;

/// Deliveries of a run whose rows are remembered by one stream; when there are more, it starts to remember anew.
const MAX_KNOWN: usize = 10_000;
/// What is read beside the log.
const MODELS: [&str; 1] = ["deliveries"];

/// Something happened to a delivery.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct DeliveryChange {
    /// Which event: resume behind it.
    pub position: LogPosition,
    /// What happened.
    pub entry: TimelineEntry,
    #[graphql(skip)]
    id: DeliveryId,
}

#[ComplexObject]
impl DeliveryChange {
    /// The delivery as it stands now: this event included, later ones perhaps.
    async fn delivery(&self, ctx: &Context<'_>) -> Result<Option<Delivery>, Fault> {
        let session = Session::of(ctx)?;
        let reached = await_position(session.api(), &MODELS, self.position.0).await?;
        session.read_at(reached);
        session.rows().load_one(DeliveryKey(self.id.as_uuid())).await
    }
}

/// Which deliveries are listened to.
pub(super) struct Wanted {
    api: ApiState,
    tenant: TenantId,
    which: Which,
    /// Deliveries looked up: the recipient of one wanted, none for others.
    known: HashMap<Uuid, Option<String>>,
}

enum Which {
    One(Uuid),
    /// Deliveries of a run begin with its version's time, so most others are told apart without a look-up.
    Run {
        distribution: Uuid,
        prefix: [u8; 6],
    },
}

impl Wanted {
    /// One delivery, or those of one distribution.
    ///
    /// # Errors
    /// Bad input unless exactly one is named; not found.
    pub(super) async fn of(
        ctx: &Context<'_>,
        id: Option<ID>,
        distribution: Option<ID>,
    ) -> Result<Self, Fault> {
        let session = Session::of(ctx)?;
        session.wait().await?;
        let missing = |what: &str, id: &ID| {
            Fault::new(FaultCode::NotFound, format!("there is no {what} {:?}", id.as_str()))
        };
        let mut known = HashMap::new();
        let which = match (id, distribution) {
            (Some(id), None) => {
                let key = id.parse::<DeliveryId>()?.as_uuid();
                let row = session.rows().load_one(DeliveryKey(key)).await?;
                let row = row.ok_or_else(|| missing("delivery", &id))?;
                known.insert(key, Some(row.recipient.0));
                Which::One(key)
            }
            (None, Some(id)) => {
                let key = id.parse::<DistributionId>()?.as_uuid();
                let row = session.rows().load_one(DistributionKey(key)).await?;
                let row = row.ok_or_else(|| missing("distribution", &id))?;
                Which::Run { distribution: key, prefix: prefix(row.received_at.0.unix_millis()) }
            }
            _ => return Err(Fault::bad_input("name either id or distribution")),
        };
        Ok(Self { api: session.api().clone(), tenant: session.tenant().clone(), which, known })
    }

    /// Those rows that speak of wanted deliveries, each with the recipient.
    async fn among(&mut self, rows: VecDeque<LogRow>) -> Result<VecDeque<(LogRow, String)>, Fault> {
        let rows: Vec<(LogRow, Uuid)> =
            rows.into_iter().filter_map(|row| delivery_of(&row).map(|id| (row, id))).collect();
        let rows: Vec<_> = rows.into_iter().filter(|(_, id)| self.may_want(*id)).collect();
        self.look_up(&rows).await?;
        let wanted = rows.into_iter().filter_map(|(row, id)| {
            let recipient = self.known.get(&id).cloned().flatten()?;
            Some((row, recipient))
        });
        Ok(wanted.collect())
    }

    fn may_want(&self, id: Uuid) -> bool {
        match &self.which {
            Which::One(one) => *one == id,
            Which::Run { prefix, .. } => id.as_bytes().starts_with(prefix),
        }
    }

    /// Plans are read from the event, all else from the read model: an event's plan lies before it in the log, so rows
    /// that are not there yet will be.
    async fn look_up(&mut self, rows: &[(LogRow, Uuid)]) -> Result<(), Fault> {
        let Which::Run { distribution, .. } = self.which else { return Ok(()) };
        if self.known.len() > MAX_KNOWN {
            self.known.clear();
        }
        for (row, id) in rows {
            if let Some((run, recipient)) = plan_of(row) {
                self.known.insert(*id, (run == distribution).then_some(recipient));
            }
        }
        let asked: HashSet<Uuid> =
            rows.iter().map(|(_, id)| *id).filter(|id| !self.known.contains_key(id)).collect();
        let Some((last, _)) = rows.last().filter(|_| !asked.is_empty()) else { return Ok(()) };
        await_position(&self.api, &MODELS, last.position).await?;
        let asked: Vec<Uuid> = asked.into_iter().collect();
        self.known.extend(asked.iter().map(|id| (*id, None)));
        for row in deliveries::by_ids(&self.api.reads, self.tenant.as_str(), &asked).await? {
            let wanted = row.distribution == distribution;
            self.known.insert(row.delivery, wanted.then_some(row.recipient));
        }
        Ok(())
    }
}

/// How ids of a run's deliveries begin.
pub(super) fn prefix(millis: i64) -> [u8; 6] {
    let [_, _, bytes @ ..] = millis.to_be_bytes();
    bytes
}

/// Which delivery a row speaks of.
pub(super) fn delivery_of(row: &LogRow) -> Option<Uuid> {
    if row.aggregate_type == "delivery" { Uuid::parse_str(&row.aggregate_id).ok() } else { None }
}

fn plan_of(row: &LogRow) -> Option<(Uuid, String)> {
    let event = row.decoded().ok()?;
    match &event.event {
        LedgerEvent::Delivery(schema::events::DeliveryEvent::DeliveryScheduled(plan)) => {
            Some((plan.distribution.as_uuid(), plan.recipient.to_string()))
        }
        _ => None,
    }
}

/// Every event of the wanted deliveries.
pub(super) fn changes(
    feed: Feed,
    wanted: Wanted,
) -> impl Stream<Item = Result<DeliveryChange, Fault>> {
    let events = Events { feed, waiting: VecDeque::new() };
    let changes = Changes { events, wanted, ready: VecDeque::new() };
    stream::unfold(Some(changes), |changes| async move {
        let mut changes = changes?;
        match changes.next().await {
            Ok(change) => Some((Ok(change), Some(changes))),
            Err(fault) => Some((Err(fault), None)),
        }
    })
}

struct Changes {
    events: Events,
    wanted: Wanted,
    ready: VecDeque<(LogRow, String)>,
}

impl Changes {
    async fn next(&mut self) -> Result<DeliveryChange, Fault> {
        loop {
            if let Some((row, recipient)) = self.ready.pop_front() {
                return change(&row, recipient);
            }
            let before = self.events.feed.last();
            self.events.refill().await?;
            let rows = std::mem::take(&mut self.events.waiting);
            let wanted = self.wanted.among(rows).await;
            self.ready = wanted.map_err(|fault| fault.at_position(before))?;
        }
    }
}

fn change(row: &LogRow, recipient: String) -> Result<DeliveryChange, Fault> {
    let event = row.decoded().map_err(|_| newer(row))?;
    let id: DeliveryId = row.aggregate_id.parse()?;
    let entry = TimelineEntry::of(event, &ID(recipient))?;
    Ok(DeliveryChange { position: LogPosition(row.position), entry, id })
}
