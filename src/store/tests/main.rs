//! Behaviour of the store on a real server.

extern crate waybill_store as store;

mod append;
mod check;
mod claim;
mod execute;
mod immutable;
mod lost;
mod support;
mod tail;
mod vault;
