use secrecy::SecretString;

/// How the ledger uses its database.
#[derive(Clone, Debug)]
pub struct LedgerConfig {
    /// The application role's URL of the ledger's database.
    pub url: SecretString,
    /// Connections that commit batches of units; 2 to 4. Where an fsync takes milliseconds, 4 are twice as fast as 2.
    pub connections: u32,
    /// Connections for loading streams, at most, and as many for the queries of other crates; 1 to 100.
    pub read_connections: u32,
    /// Connections for claims and rare writes, at most; 1 to 20.
    pub claim_connections: u32,
    /// Units that may wait for a writer; beyond it callers wait.
    pub max_pending: u32,
    /// How long a unit waits for a database that is away before its caller is told, in milliseconds.
    pub give_up_ms: u64,
    /// How long a statement that reads or claims may take before Postgres ends it, in milliseconds.
    pub statement_timeout_ms: u64,
    /// How long a batch may take before its connection counts as lost, in milliseconds.
    pub batch_timeout_ms: u64,
}

impl LedgerConfig {
    /// The defaults, for the database at `url`.
    #[must_use]
    pub const fn new(url: SecretString) -> Self {
        Self {
            url,
            connections: 4,
            read_connections: 8,
            claim_connections: 3,
            max_pending: 20_000,
            give_up_ms: 5_000,
            statement_timeout_ms: 10_000,
            batch_timeout_ms: 30_000,
        }
    }
}

/// How the tail polls.
#[derive(Clone, Copy, Debug)]
pub struct TailConfig {
    /// Pause after a poll that found something, in milliseconds; 3 to 5.
    pub busy_ms: u64,
    /// Pause after a poll that found nothing, in milliseconds.
    pub idle_ms: u64,
    /// Positions read at a time, at most.
    pub window: u32,
    /// Batches a subscriber may lag behind before it must read for itself.
    pub buffer: usize,
    /// Held up for longer than this, the tail says by whom, in milliseconds.
    pub blocked_after_ms: u64,
}

impl Default for TailConfig {
    fn default() -> Self {
        Self { busy_ms: 3, idle_ms: 50, window: 2_000, buffer: 256, blocked_after_ms: 250 }
    }
}

/// How keys are kept.
#[derive(Clone, Debug)]
pub struct VaultConfig {
    /// URL of the vault's database.
    pub url: SecretString,
    /// The master key: 32 bytes, base64 (standard alphabet, padded or not).
    pub master_key: SecretString,
    /// Master keys before it, of the same form: they open what they wrapped, and wrap nothing.
    pub previous_master_keys: Vec<SecretString>,
    /// Connections, at most.
    pub connections: u32,
    /// Subjects whose keys are kept in memory, at most. About 200 bytes each.
    pub cached_subjects: usize,
    /// How long a key is used from memory, in seconds: after an erasure other nodes can read no longer than this.
    pub cache_ttl_s: u64,
    /// How long a statement may take before Postgres ends it, in milliseconds.
    pub statement_timeout_ms: u64,
}

impl VaultConfig {
    /// The defaults, for the database at `url`.
    #[must_use]
    pub const fn new(url: SecretString, master_key: SecretString) -> Self {
        Self {
            url,
            master_key,
            previous_master_keys: Vec::new(),
            connections: 4,
            cached_subjects: 200_000,
            cache_ttl_s: 60,
            statement_timeout_ms: 10_000,
        }
    }
}
