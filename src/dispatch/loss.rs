//! What becomes of open deliveries when a part of the log is lost, and with it perhaps the record of a send.

use aggregates::delivery::Command;
use schema::{Actor, DeliveryId, StreamId};
use store::Ledger;

use crate::DeskError;
use crate::carried::Carried;

/// Who is named as having made the attempt that is put in doubt.
const NODE: &str = "recover";

/// Holds an open delivery in doubt, until a person says whether it arrived. False when it is closed or held already.
///
/// # Errors
/// [`DeskError`].
pub async fn doubt_after_loss(
    ledger: &Ledger,
    delivery: DeliveryId,
    actor: &Actor,
) -> Result<bool, DeskError> {
    let events = ledger.load_stream(&StreamId::delivery(delivery), 0).await?;
    let Some(mut carried) = Carried::from_stream(&events) else { return Ok(false) };
    let mut unit = carried.unit(actor);
    // It is held: no lease is given.
    carried.step(Command::DoubtAfterLoss { node: NODE.to_owned() }, &mut unit, 0)?;
    if unit.appends.is_empty() {
        return Ok(false);
    }
    ledger.append(unit).await?;
    Ok(true)
}
