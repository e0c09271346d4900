//! How fast it is, and beside what: each figure of DESIGN §8 measured on real servers. Knows Waybill as an outsider
//! does, and the store's public functions; it never looks at what it measures through the same eyes (time is taken
//! at the client and at the sink, cost at the database server and in /proc).

mod append;
mod bare;
mod export;
mod fanout;
mod figure;
mod house;
mod intake;
mod latency;
mod machine;
mod mail;
mod meter;
mod mirror;
mod profile;
mod rebuild;
mod render;
mod server;
mod spread;
mod stock;
mod tail;
mod views;

use anyhow::Result;

pub use figure::{Figure, Verdict, lines, table};
pub use machine::Machine;

use crate::soak::Scene;

/// What is measured on, and how thoroughly.
pub struct Bench {
    /// The servers.
    pub scene: Scene,
    /// A tenth of the work: for looking at the bench, not at the figures.
    pub quick: bool,
    /// Records where the node's time goes, with `perf`.
    pub profile: bool,
}

impl Bench {
    /// `full`, or a tenth of it.
    fn sized(&self, full: usize) -> usize {
        if self.quick { full / 10 } else { full }
    }

    /// Seconds of a paced or closed loop.
    fn seconds(&self, full: u64) -> u64 {
        if self.quick { full.div_ceil(4) } else { full }
    }
}

/// The groups of figures, in the order in which they are measured.
pub const GROUPS: [&str; 13] = [
    "append", "units", "tail", "latency", "intake", "fanout", "large", "mirror", "rebuild", "mail",
    "export", "views", "render",
];

/// Measures one group.
///
/// # Errors
/// When something fails to work at all; a missed target is no error.
pub async fn measure(bench: &Bench, group: &str) -> Result<Vec<Figure>> {
    match group {
        "append" => append::single_events(bench).await,
        "units" => append::units(bench).await,
        "tail" => tail::figures(bench).await,
        "latency" => latency::figures(bench).await,
        "intake" => intake::figures(bench).await,
        "fanout" => fanout::many_versions(bench).await,
        "large" => fanout::one_large_version(bench).await,
        "mirror" => mirror::figures(bench).await,
        "rebuild" => rebuild::figures(bench).await,
        "mail" => mail::figures(bench).await,
        "export" => export::figures(bench).await,
        "views" => views::figures(bench).await,
        "render" => render::figures(bench).await,
        other => anyhow::bail!("no figures are called {other}; there are {}", GROUPS.join(", ")),
    }
}
