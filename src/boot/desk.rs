//! Operators' orders on one delivery: the API's words, dispatch's desk.

use api::walls::{Asked, DeliveryCommands, Finding, OrderError, Ordered, RecordFor, Said};
use async_trait::async_trait;
use dispatch::{Act, DeliveryDesk, DeskError};
use schema::events::EntryMark;
use schema::{DeliveryId, RecipientId};
use store::CommandRecord;

/// The desk behind the API.
pub struct Desk(pub DeliveryDesk);

fn told(error: DeskError) -> OrderError {
    match error {
        DeskError::NotFound { delivery } => OrderError::NotFound(delivery),
        DeskError::Stale(stale) => OrderError::Stale(stale),
        DeskError::Refused(refusal) => OrderError::Refused(refusal),
        DeskError::Append(error) => OrderError::Append(error),
        DeskError::State(error) => OrderError::Damaged(error.to_string()),
    }
}

fn act(asked: Asked, command: Option<CommandRecord>) -> Act {
    let Asked { metadata, precondition } = asked;
    Act { metadata, command, precondition }
}

#[async_trait]
impl DeliveryCommands for Desk {
    async fn cancel(
        &self,
        delivery: DeliveryId,
        reason: String,
        asked: Asked,
        command: Option<CommandRecord>,
    ) -> Result<Ordered, OrderError> {
        let done = self.0.cancel(delivery, reason, act(asked, command)).await.map_err(told)?;
        Ok(Ordered { delivery, position: done.position })
    }

    async fn mark(
        &self,
        delivery: DeliveryId,
        mark: EntryMark,
        own: Option<&RecipientId>,
        asked: Asked,
        command: Option<CommandRecord>,
    ) -> Result<Ordered, OrderError> {
        let done = self.0.mark(delivery, mark, own, act(asked, command)).await.map_err(told)?;
        Ok(Ordered { delivery, position: done.position })
    }

    async fn answer(
        &self,
        delivery: DeliveryId,
        said: Said,
        own: Option<&RecipientId>,
        asked: Asked,
        command: Option<CommandRecord>,
    ) -> Result<Ordered, OrderError> {
        let (Said { answer, via }, act) = (said, act(asked, command));
        let done = self.0.answer(delivery, answer, via, own, act).await.map_err(told)?;
        Ok(Ordered { delivery, position: done.position })
    }

    async fn resend(
        &self,
        delivery: DeliveryId,
        asked: Asked,
        command: RecordFor<'_>,
    ) -> Result<Ordered, OrderError> {
        let Asked { metadata, precondition } = asked;
        let again = self.0.resend(delivery, metadata, precondition, command).await.map_err(told)?;
        Ok(Ordered { delivery: again.delivery, position: again.position })
    }

    async fn resolve(
        &self,
        delivery: DeliveryId,
        finding: Finding,
        asked: Asked,
        command: Option<CommandRecord>,
    ) -> Result<Ordered, OrderError> {
        let Finding { attempt, resolution, note } = finding;
        let act = act(asked, command);
        let done = self.0.resolve(delivery, attempt, resolution, note, act).await.map_err(told)?;
        Ok(Ordered { delivery, position: done.position })
    }
}
