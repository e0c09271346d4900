//! The dashboard inbox: a parcel becomes an entry that stays on this installation. Nothing is sent and nobody answers:
//! the entry is a fold of the delivery's own events, so a success recorded is an entry delivered. What is made here is
//! what the recipient is shown, in one canonical form, so that its digest stands in the ledger.

mod entry;
mod send;
#[cfg(test)]
mod tests;

pub use send::InboxChannel;
