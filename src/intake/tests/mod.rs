//! Behaviour of intake on a real ledger, a real disk and a real broker.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod bad_input;
mod fast_path;
mod frames;
mod kafka;
mod planning;
mod repetition;
mod support;
mod withdrawal;
