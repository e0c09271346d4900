//! Returned mail over a real ledger and a real vault.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]

mod desk;
mod entrances;
mod support;
