//! How rebuilds stand, as their rows tell it: for any process, running or not.

use chrono::{DateTime, Utc};
use schema::Position;
use serde::Serialize;
use sqlx::{FromRow, PgConnection};
use store::Ledger;

use crate::FollowersError;

/// Not heard of for longer than this, it is not running.
const SILENT_AFTER_MS: i64 = 10_000;

const STATUS: &str = "
    select projection, stage, fold_through, position, applied, expected, head, events_per_second,
           allowed_rate, node, started_at, error, poison_position, live_digest, rebuilt_digest,
           replaced_position, replaced_at,
           (extract(epoch from clock_timestamp() - heartbeat_at) * 1000)::bigint as heartbeat_age_ms
    from public.rebuilds
    where $1::text is null or projection = $1
    order by projection";

/// What a rebuild is at, or came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Streams are folded, each as a whole.
    Folding,
    /// Indexes are made.
    Indexing,
    /// What was appended meanwhile is applied.
    CatchingUp,
    /// The log is folded event by event, to compare with.
    Referencing,
    /// Rebuilt and live tables are compared.
    Comparing,
    /// The rebuilt tables wait beside the live ones.
    Ready,
    /// They were the same as the live ones, and are dropped.
    Equal,
    /// They were not, and are dropped.
    Different,
    /// They are the live ones now.
    Switched,
    /// They were, and what they replaced is live again.
    RolledBack,
}

impl Stage {
    pub(super) const ALL: [Self; 10] = [
        Self::Folding,
        Self::Indexing,
        Self::CatchingUp,
        Self::Referencing,
        Self::Comparing,
        Self::Ready,
        Self::Equal,
        Self::Different,
        Self::Switched,
        Self::RolledBack,
    ];

    /// As the database spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Folding => "folding",
            Self::Indexing => "indexing",
            Self::CatchingUp => "catching_up",
            Self::Referencing => "referencing",
            Self::Comparing => "comparing",
            Self::Ready => "ready",
            Self::Equal => "equal",
            Self::Different => "different",
            Self::Switched => "switched",
            Self::RolledBack => "rolled_back",
        }
    }

    /// Nothing for a word of another program's.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == text)
    }

    /// Whether there is something to go on with.
    pub(super) const fn goes_on(self) -> bool {
        match self {
            Self::Folding
            | Self::Indexing
            | Self::CatchingUp
            | Self::Referencing
            | Self::Comparing
            | Self::Ready => true,
            Self::Equal | Self::Different | Self::Switched | Self::RolledBack => false,
        }
    }
}

/// The tables a switch replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// The follower's place in them.
    pub position: Position,
    /// Since when they are kept.
    pub since: DateTime<Utc>,
}

/// A rebuild, as its row tells it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RebuildStatus {
    /// Of which projection.
    pub projection: String,
    /// What it is at, or came to.
    pub stage: Stage,
    /// Whether it was heard of a moment ago.
    pub is_running: bool,
    /// Streams are folded up to this position.
    pub fold_through: Position,
    /// The last position applied behind that.
    pub position: Position,
    /// Events applied.
    pub applied: i64,
    /// How many there will be, as the database's statistics had it.
    pub expected: i64,
    /// The log's end, as it last saw it.
    pub head: Position,
    /// Events per second, of late.
    pub events_per_second: f64,
    /// Events per second it may apply at most, while it is held back.
    pub allowed_rate: Option<i64>,
    /// Seconds left at that rate; absent when it does not run.
    pub eta_s: Option<f64>,
    /// Which process.
    pub node: String,
    /// When it was begun.
    pub started_at: DateTime<Utc>,
    /// Milliseconds since it was heard of.
    pub heartbeat_age_ms: i64,
    /// Why it ended before its end, if it did. The next `rebuild` goes on with it.
    pub error: Option<String>,
    /// At which event, if one is to blame.
    pub poison_position: Option<Position>,
    /// Digest of the live tables when they were compared.
    pub live_digest: Option<String>,
    /// Digest of the rebuilt ones.
    pub rebuilt_digest: Option<String>,
    /// The tables its switch replaced, while they are kept.
    pub kept: Option<Kept>,
}

impl RebuildStatus {
    /// Its stage as one word, or that it failed or was interrupted.
    #[must_use]
    pub fn state(&self) -> String {
        let stage = self.stage.as_str();
        let ended = matches!(self.stage, Stage::Ready) || !self.stage.goes_on();
        match &self.error {
            Some(_) => format!("failed while {stage}"),
            None if ended || self.is_running => stage.to_owned(),
            None => format!("interrupted while {stage}"),
        }
    }
}

/// How all rebuilds stand, by projection. One that was never begun is absent.
///
/// # Errors
/// [`FollowersError`] when the database is away.
pub async fn rebuilds(ledger: &Ledger) -> Result<Vec<RebuildStatus>, FollowersError> {
    let rows: Vec<Row> = sqlx::query_as(STATUS).bind(None::<&str>).fetch_all(ledger.pool()).await?;
    Ok(rows.into_iter().filter_map(Row::told).collect())
}

/// How one stands.
pub(super) async fn of(conn: &mut PgConnection, name: &str) -> sqlx::Result<Option<RebuildStatus>> {
    let row: Option<Row> = sqlx::query_as(STATUS).bind(name).fetch_optional(conn).await?;
    Ok(row.and_then(Row::told))
}

#[derive(FromRow)]
struct Row {
    projection: String,
    stage: String,
    fold_through: i64,
    position: i64,
    applied: i64,
    expected: i64,
    head: i64,
    events_per_second: f64,
    allowed_rate: Option<i64>,
    node: String,
    started_at: DateTime<Utc>,
    error: Option<String>,
    poison_position: Option<i64>,
    live_digest: Option<String>,
    rebuilt_digest: Option<String>,
    replaced_position: Option<i64>,
    replaced_at: Option<DateTime<Utc>>,
    heartbeat_age_ms: i64,
}

impl Row {
    fn told(self) -> Option<RebuildStatus> {
        let stage = Stage::parse(&self.stage)?;
        let at_work = stage.goes_on() && stage != Stage::Ready && self.error.is_none();
        let is_running = at_work && self.heartbeat_age_ms < SILENT_AFTER_MS;
        let left = left(stage, (self.applied, self.expected), (self.position, self.head));
        let kept = self.replaced_position.zip(self.replaced_at);
        Some(RebuildStatus {
            projection: self.projection,
            stage,
            is_running,
            fold_through: Position(self.fold_through),
            position: Position(self.position),
            applied: self.applied,
            expected: self.expected,
            head: Position(self.head),
            events_per_second: self.events_per_second,
            allowed_rate: self.allowed_rate,
            eta_s: eta_s(left.filter(|_| is_running), self.events_per_second),
            node: self.node,
            started_at: self.started_at,
            heartbeat_age_ms: self.heartbeat_age_ms,
            error: self.error,
            poison_position: self.poison_position.map(Position),
            live_digest: self.live_digest,
            rebuilt_digest: self.rebuilt_digest,
            kept: kept.map(|(position, since)| Kept { position: Position(position), since }),
        })
    }
}

/// Events left: of so many applied and expected, or between a position and the head. Unknown where it is not events
/// that take the time.
pub(super) fn left(stage: Stage, events: (i64, i64), positions: (i64, i64)) -> Option<i64> {
    match stage {
        Stage::Folding => Some(events.1 - events.0),
        Stage::CatchingUp => Some(positions.1 - positions.0),
        Stage::Indexing
        | Stage::Referencing
        | Stage::Comparing
        | Stage::Ready
        | Stage::Equal
        | Stage::Different
        | Stage::Switched
        | Stage::RolledBack => None,
    }
}

/// Seconds left at a rate.
pub(super) fn eta_s(left: Option<i64>, rate: f64) -> Option<f64> {
    left.filter(|_| rate > 0.0).map(|left| left.max(0) as f64 / rate)
}
