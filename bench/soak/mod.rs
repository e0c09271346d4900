//! Kills and races, seeded, against real servers. Knows Waybill as an outsider does: its process, its API, its events
//! table, and what the sinks recorded.

pub mod kill;
pub mod tail;

mod node;
mod population;
mod scene;

pub use node::{Node, NodeConfig};
pub use population::{Api, Population};
pub use scene::{Database, Scene};
