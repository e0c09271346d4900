//! What the orders on a delivery have in common: nothing is decided here, the desk does.

use schema::{DeliveryId, Position, Sha256, StreamId};
use store::AppendError;

use crate::carry_out::{record_of, replay};
use crate::change::Change;
use crate::error::{ApiError, Code};
use crate::outcome::{Done, Outcome, answer};
use crate::state::ApiState;
use crate::walls::{Asked, OrderError, Ordered};

/// An order that was not carried out before.
pub(in crate::rest) struct Order<'a> {
    pub(in crate::rest) api: &'a ApiState,
    pub(in crate::rest) change: &'a Change,
    pub(in crate::rest) delivery: DeliveryId,
    digest: Sha256,
}

/// What becomes of a request at the door.
pub(in crate::rest) enum Entry<'a> {
    /// It is to be carried out.
    Fresh(Order<'a>),
    /// It was.
    Replayed(Box<Done>),
}

impl<'a> Order<'a> {
    pub(in crate::rest) async fn enter(
        api: &'a ApiState,
        change: &'a Change,
        delivery: &str,
        body: &[u8],
    ) -> Result<Entry<'a>, ApiError> {
        let delivery: DeliveryId = delivery.parse()?;
        let digest = change.digest(api, body).await?;
        if let Some(done) = replay(api, change, &digest).await? {
            return Ok(Entry::Replayed(Box::new(done)));
        }
        Ok(Entry::Fresh(Self { api, change, delivery, digest }))
    }

    /// Who asks, and on which state.
    pub(in crate::rest) fn asked(&self) -> Asked {
        let precondition = self.change.if_match.precondition();
        Asked { metadata: self.change.metadata(), precondition }
    }

    /// The outcome when the order leads to `delivery`, and its record.
    pub(in crate::rest) fn outcome(
        &self,
        delivery: DeliveryId,
    ) -> (Outcome, Option<store::CommandRecord>) {
        let mut body = answer("delivery", &delivery.to_string());
        let status = if delivery == self.delivery { 200 } else { 201 };
        if delivery != self.delivery {
            body.insert("resend_of".to_owned(), self.delivery.to_string().into());
        }
        record_of(self.change, self.digest, status, &StreamId::delivery(self.delivery), &body)
    }

    /// The answer.
    pub(in crate::rest) async fn done(
        &self,
        ordered: Result<Ordered, OrderError>,
    ) -> Result<Done, ApiError> {
        let ordered = match ordered {
            Err(OrderError::Append(AppendError::CommandSeen { .. })) => {
                let lost = || ApiError::new(Code::Internal, "the command log lost an order");
                return replay(self.api, self.change, &self.digest).await?.ok_or_else(lost);
            }
            ordered => ordered?,
        };
        let (outcome, _) = self.outcome(ordered.delivery);
        let position = match ordered.position {
            Some(position) => position,
            None => self.last_position().await?,
        };
        Ok(Done { outcome, position, replayed: false, secret: None })
    }

    async fn last_position(&self) -> Result<Position, ApiError> {
        let stream = StreamId::delivery(self.delivery);
        let events = self.api.ledger.load_stream(&stream, 0).await?;
        Ok(events.last().map(|event| event.position).unwrap_or_default())
    }
}
