//! Behaviour of the store on a real server.

extern crate waybill_store as store;

mod append;
mod support;
