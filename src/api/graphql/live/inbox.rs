use std::collections::{HashMap, VecDeque};

use async_graphql::{ComplexObject, Context, SimpleObject};
use futures::{Stream, stream};
use projections::inbox::queries;
use schema::events::{AttemptOutcome, DeliveryEvent, DistributionEvent};
use schema::{ChannelKind, DeliveryId, DistributionId, LedgerEvent, RecipientId, TenantId};
use store::LogRow;
use uuid::Uuid;

use super::events::{Events, newer};
use super::feed::Feed;
use crate::graphql::fault::Fault;
use crate::graphql::inbox::{InboxCounts, InboxEntry, counts};
use crate::graphql::scalars::LogPosition;
use crate::graphql::session::{Session, await_position};
use crate::graphql::words::InboxUpdateKind;
use crate::state::ApiState;
use crate::{clock, entries};

/// Entries whose changes one stream tells, the newest ones, at most. About 50 bytes each.
const MAX_ENTRIES: u32 = 100_000;
/// What is read beside the log.
const MODELS: [&str; 2] = ["inbox", "distributions"];

/// Something happened in an inbox.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct InboxUpdate {
    /// By which event: resume behind it.
    pub position: LogPosition,
    /// What happened.
    pub kind: InboxUpdateKind,
    /// The entries it concerns as they stand now: this event included, later ones perhaps. Several, where a version
    /// that was sent again is corrected or withdrawn.
    pub entries: Vec<InboxEntry>,
    #[graphql(skip)]
    recipient: RecipientId,
}

#[ComplexObject]
impl InboxUpdate {
    /// How many entries wait to be read now.
    async fn counts(&self, ctx: &Context<'_>) -> Result<InboxCounts, Fault> {
        let session = Session::of(ctx)?;
        session.read_at(await_position(session.api(), &MODELS, self.position.0).await?);
        counts(session, &self.recipient).await
    }
}

/// Whose inbox is listened to, and what is or will be in it.
pub(super) struct Listener {
    api: ApiState,
    tenant: TenantId,
    recipient: RecipientId,
    /// Deliveries to this inbox, each with its distribution: events do not say whose they are.
    expected: HashMap<Uuid, Uuid>,
}

impl Listener {
    /// Listens from where `feed` begins: what is planned later, the feed brings.
    pub(super) async fn of(
        ctx: &Context<'_>,
        recipient: RecipientId,
        feed: &Feed,
    ) -> Result<Self, Fault> {
        let session = Session::of(ctx)?;
        let (api, tenant) = (session.api().clone(), session.tenant().clone());
        await_position(&api, &MODELS, feed.last()).await?;
        let since = api.inbox.shown_since(clock::now()).to_chrono();
        let (of, to) = (tenant.as_str(), recipient.as_str());
        let expected = queries::expected(&api.reads, of, to, since, MAX_ENTRIES).await?;
        Ok(Self { api, tenant, recipient, expected: expected.into_iter().collect() })
    }

    /// What the rows mean for this inbox.
    async fn updates(&mut self, rows: VecDeque<LogRow>) -> Result<VecDeque<InboxUpdate>, Fault> {
        let mut news = Vec::new();
        for row in &rows {
            if let Some((kind, concerned)) = self.news(row)? {
                news.push((row.position, kind, concerned));
            }
        }
        let Some((last, ..)) = news.last() else { return Ok(VecDeque::new()) };
        await_position(&self.api, &MODELS, *last).await?;
        let ids: Vec<Uuid> = news.iter().flat_map(|(_, _, ids)| ids.iter().copied()).collect();
        let (tenant, recipient) = (self.tenant.as_str(), self.recipient.as_str());
        let found = queries::by_ids(&self.api.reads, tenant, recipient, &ids).await?;
        let files =
            entries::files(&self.api, &self.tenant, &found.iter().collect::<Vec<_>>()).await?;
        let entries = found
            .into_iter()
            .map(|row| Ok((row.delivery, InboxEntry::of(row, &files)?)))
            .collect::<Result<HashMap<Uuid, InboxEntry>, Fault>>()?;
        let told = news.into_iter().map(|(position, kind, ids)| InboxUpdate {
            position: LogPosition(position),
            kind,
            entries: ids.iter().filter_map(|id| entries.get(id).cloned()).collect(),
            recipient: self.recipient.clone(),
        });
        // A version may be taken back before any of it came here.
        Ok(told.filter(|update| !update.entries.is_empty()).collect())
    }

    /// What a row means, and which deliveries it concerns.
    fn news(&mut self, row: &LogRow) -> Result<Option<(InboxUpdateKind, Vec<Uuid>)>, Fault> {
        let event = row.decoded().map_err(|_| newer(row))?;
        Ok(match &event.event {
            LedgerEvent::Delivery(said) => {
                let id = row.aggregate_id.parse::<DeliveryId>()?.as_uuid();
                self.expect(id, said);
                kind_of(said)
                    .filter(|_| self.expected.contains_key(&id))
                    .map(|kind| (kind, vec![id]))
            }
            LedgerEvent::Distribution(said) => {
                let Some(kind) = stop_of(said) else { return Ok(None) };
                let run = row.aggregate_id.parse::<DistributionId>()?.as_uuid();
                let mut of_run: Vec<Uuid> = self
                    .expected
                    .iter()
                    .filter_map(|(id, of)| (*of == run).then_some(*id))
                    .collect();
                of_run.sort_unstable();
                Some((kind, of_run))
            }
            LedgerEvent::Tenant(_)
            | LedgerEvent::Group(_)
            | LedgerEvent::ApiKey(_)
            | LedgerEvent::Report(_)
            | LedgerEvent::Recipient(_)
            | LedgerEvent::Subscription(_) => None,
        })
    }

    fn expect(&mut self, id: Uuid, said: &DeliveryEvent) {
        if let DeliveryEvent::DeliveryScheduled(plan) = said
            && plan.channel == ChannelKind::Inbox
            && plan.recipient == self.recipient
        {
            self.expected.insert(id, plan.distribution.as_uuid());
        }
    }
}

fn kind_of(said: &DeliveryEvent) -> Option<InboxUpdateKind> {
    match said {
        DeliveryEvent::AttemptEnded { outcome: AttemptOutcome::Succeeded { .. }, .. }
        | DeliveryEvent::DoubtResolved { next: None, .. } => Some(InboxUpdateKind::Served),
        DeliveryEvent::EntryMarked { mark } => Some((*mark).into()),
        DeliveryEvent::DeliveryScheduled(_)
        | DeliveryEvent::DeliveryRescheduled { .. }
        | DeliveryEvent::AttemptStarted { .. }
        | DeliveryEvent::AttemptEnded { .. }
        | DeliveryEvent::DoubtResolved { .. }
        | DeliveryEvent::DeliveryCancelled { .. }
        | DeliveryEvent::DeliveryExpired { .. }
        | DeliveryEvent::DeliverySuppressed { .. }
        | DeliveryEvent::EvidenceRecorded { .. } => None,
    }
}

const fn stop_of(said: &DistributionEvent) -> Option<InboxUpdateKind> {
    match said {
        DistributionEvent::VersionCorrected { .. } => Some(InboxUpdateKind::Corrected),
        DistributionEvent::VersionWithdrawn { .. } => Some(InboxUpdateKind::Withdrawn),
        DistributionEvent::ReportReceived(_)
        | DistributionEvent::SlicePlanned { .. }
        | DistributionEvent::DistributionReconciled { .. } => None,
    }
}

/// Whatever happens in the inbox.
pub(super) fn updates(
    feed: Feed,
    listener: Listener,
) -> impl Stream<Item = Result<InboxUpdate, Fault>> {
    let events = Events { feed, waiting: VecDeque::new() };
    let updates = Updates { events, listener, ready: VecDeque::new() };
    stream::unfold(Some(updates), |updates| async move {
        let mut updates = updates?;
        match updates.next().await {
            Ok(update) => Some((Ok(update), Some(updates))),
            Err(fault) => Some((Err(fault), None)),
        }
    })
}

struct Updates {
    events: Events,
    listener: Listener,
    ready: VecDeque<InboxUpdate>,
}

impl Updates {
    async fn next(&mut self) -> Result<InboxUpdate, Fault> {
        loop {
            if let Some(update) = self.ready.pop_front() {
                return Ok(update);
            }
            let before = self.events.feed.last();
            self.events.refill().await?;
            let rows = std::mem::take(&mut self.events.waiting);
            let updates = self.listener.updates(rows).await;
            self.ready = updates.map_err(|fault| fault.at_position(before))?;
        }
    }
}
