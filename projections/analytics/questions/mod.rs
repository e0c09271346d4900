//! The standing questions, as SQL over the tables of the export. Each names its columns here and nowhere else; the
//! tests compare each with plain SQL over the events.
//!
//! Times are UTC. Rates are of deliveries that closed; resends are left out, as they are from a distribution's sums.

mod audit;
mod completeness;
mod effectiveness;
mod failures;
mod filter;
mod lists;
mod patterns;
mod performance;

use serde_json::Value;

pub use self::audit::AuditTrail;
pub use self::completeness::Completeness;
pub use self::effectiveness::ChannelEffectiveness;
pub use self::failures::FailureClusters;
pub use self::filter::Filter;
pub use self::lists::{DeliveryList, FailureList};
pub use self::patterns::Patterns;
pub use self::performance::{By, DeliveryPerformance};

/// A statement with its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// One select statement.
    pub sql: String,
    /// What stands for `$1`, `$2`, ….
    pub values: Vec<Value>,
}

/// A statement of the asker's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnSql(pub String);

impl From<OwnSql> for Question {
    fn from(own: OwnSql) -> Self {
        Self { sql: own.0, values: vec![] }
    }
}
