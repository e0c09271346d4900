use schema::events::ArtifactRef;
use schema::{
    Actor, Attributes, DistributionId, Position, ReportName, Sha256, TenantId, VersionName,
};
use store::{CommandRecord, Precondition};

/// So many files may come with one version.
pub const MAX_ARTIFACTS: usize = 16;

/// A finished report, as REST and Kafka hand it over.
#[derive(Clone, Debug)]
pub struct ReceiveReport {
    /// Whose.
    pub tenant: TenantId,
    /// Which report.
    pub report: ReportName,
    /// Which version.
    pub version: VersionName,
    /// What it says of itself.
    pub attributes: Attributes,
    /// Its files, each uploaded before.
    pub artifacts: Vec<ArtifactRef>,
    /// Which of them, by name, is its data frame.
    pub frame: Option<String>,
    /// The version it corrects.
    pub corrects: Option<VersionName>,
    /// Who publishes it.
    pub actor: Actor,
    /// The API command, when its outcome is to be remembered.
    pub command: Option<CommandRecord>,
    /// The state of the version that it is meant for.
    pub precondition: Precondition,
    /// Where it came from, when no command says so: `kafka:topic/partition/offset`.
    pub causation: Option<String>,
    /// W3C Trace Context, already checked.
    pub traceparent: Option<String>,
}

/// A version that is in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its run.
    pub distribution: DistributionId,
    /// Over attributes and artifacts.
    pub digest: Sha256,
    /// What a reader must have reached to see it.
    pub position: Option<Position>,
    /// Whether it was there already: then nothing new happened.
    pub repeated: bool,
    /// Pairs of subscription and recipient looked at so far.
    pub considered: u64,
    /// Deliveries planned so far.
    pub planned: u64,
    /// Whether the plan is complete.
    pub is_planned: bool,
}
