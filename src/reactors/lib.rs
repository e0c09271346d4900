//! Followers that may issue commands: what the log makes necessary without anyone asking for it.
//!
//! A reactor issues its command before its checkpoint commits, so a crash between the two issues it again. That repeats
//! nothing: the command's id is hash(reactor, position of the event that made it necessary), and the aggregate answers
//! the same command a second time with no event. There is no timer here: deadlines, retries that come due and held
//! deliveries are rows of the delivery queue, which dispatch claims by the database's clock; a pause with an end is
//! judged whenever it is read.

#![warn(missing_docs)]

mod issue;
mod reconciliation;
mod retire_gone_addresses;

pub use reconciliation::{Mismatch, Proof, ProofError, Reconciliation, last_mismatches};
pub use retire_gone_addresses::RetireGoneAddresses;

use std::sync::Arc;

use followers::Follower;
use store::Ledger;

/// Every reactor there is.
#[must_use]
pub fn reactors(ledger: &Arc<Ledger>) -> Vec<Box<dyn Follower>> {
    vec![Box::new(Reconciliation::new(ledger)), Box::new(RetireGoneAddresses::new(ledger))]
}
