//! gRPC over a real socket: its own client, one of another language, and REST beside it.

mod contract;
mod foreign;
mod health;
mod publish;
mod refusals;
mod world;
