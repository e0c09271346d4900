//! Answers as pictures: SVG, without scripts, fonts or anything fetched. Each says up to which position it is true.

mod bars;
mod canvas;
mod heat;
mod hours;

use schema::Position;
use serde_json::Value;

/// What is drawn of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picture {
    /// Closed deliveries and latency by hour, of [`crate::DeliveryPerformance`] by hour.
    Hours,
    /// Rates with their intervals, of [`crate::ChannelEffectiveness`].
    Rates,
    /// Hour of day × day of week, of [`crate::Patterns`].
    Week,
    /// Class × destination, of [`crate::FailureClusters`].
    Clusters,
}

impl Picture {
    /// The picture of these rows, as SVG.
    #[must_use]
    pub fn draw(self, position: Position, rows: &[Value]) -> String {
        match self {
            Self::Hours => hours::draw(position, rows),
            Self::Rates => bars::draw(position, rows),
            Self::Week => heat::week(position, rows),
            Self::Clusters => heat::clusters(position, rows),
        }
    }
}

fn number(row: &Value, name: &str) -> f64 {
    row[name].as_f64().unwrap_or_default()
}

fn text<'r>(row: &'r Value, name: &str) -> &'r str {
    row[name].as_str().unwrap_or_default()
}
