//! Dispatch as a whole: on a real Postgres, with the real channels, against a web server and a mail server that answer
//! as told.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

extern crate waybill_dispatch as dispatch;

mod desk;
mod doubt;
mod frames;
mod held_back;
mod inbox;
mod outcomes;
mod relay;
mod share;
mod sink;
mod stop;
mod timing;
mod world;
