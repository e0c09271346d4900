//! Kills and races, seeded, against real servers. Knows Waybill as an outsider does: its process, its API, its events
//! table, what the sinks recorded, and what someone else's consumer finds on Kafka.

pub mod aftermath;
pub mod kill;
pub mod tail;

mod node;
mod population;
mod scene;
mod told;

pub use node::{Node, NodeConfig};
pub use population::{Api, Population};
pub use scene::{Database, Scene};
