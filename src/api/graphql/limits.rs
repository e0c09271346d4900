//! Every bound of the GraphQL room, in one place.

use std::time::Duration;

/// Rows on a page when none is asked for.
pub const DEFAULT_PAGE_ROWS: u32 = 50;
/// Rows on a page at most.
pub const MAX_PAGE_ROWS: u32 = 200;
/// Fields inside fields at most. The usual introspection query needs 13.
pub const MAX_DEPTH: usize = 15;
/// Selection sets inside selection sets and fragments at most.
pub const MAX_NESTING: usize = 24;
/// Brackets of any kind inside each other at most: the parser recurses as deep.
pub const MAX_BRACKETS: usize = 64;
/// Cost of a query at most: one per field, times the rows of the list it stands in.
pub const MAX_COMPLEXITY: usize = 25_000;
/// What an answer costs that folds a tenant's subscriptions, before its rows.
pub const PREFIX_COST: usize = 5_000;
/// Recipients on a page of who was subscribed at most: each page is folded anew, so they are longer than others.
pub const MAX_SUBSCRIBER_ROWS: usize = 1_000;
/// Selections in a document at most, each fragment counted as often as it is spread.
pub const MAX_SELECTIONS: usize = 1_000;
/// Aliases in a document at most.
pub const MAX_ALIASES: usize = 30;
/// Fields at the root of an operation at most.
pub const MAX_ROOT_FIELDS: usize = 20;
/// Directives on one field at most.
pub const MAX_DIRECTIVES: usize = 5;
/// Operations and fragments in a document at most.
pub const MAX_DEFINITIONS: usize = 50;
/// Bytes of a request's body at most, variables included.
pub const MAX_BODY_BYTES: usize = 256 * 1024;
/// Bytes of a query at most.
pub const MAX_QUERY_BYTES: usize = 32 * 1024;
/// How long an answer may take. Shorter than the API's own bound, so that what it says has GraphQL's form.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// Keys looked up by one statement of a loader at most.
pub const LOADER_BATCH: usize = 1_000;
/// Entries of a list argument at most.
pub const MAX_LIST_ARGUMENT: usize = 50;

/// WebSockets open at once in this process whose key is known.
pub const MAX_SOCKETS: usize = 1_000;
/// WebSockets open at once that have not yet said who they are: one more, and the one that is silent longest must go.
pub const MAX_STRANGERS: usize = 256;
/// Operations under way on one WebSocket.
pub const MAX_OPERATIONS: usize = 16;
/// Bytes of one message from a client at most.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// Bytes that may wait to be written to one client.
pub const MAX_UNSENT_BYTES: usize = 4 * 1024 * 1024;
/// How long a client may take to say who it is.
pub const INIT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a silent client is asked whether it is still there.
pub const PING_EVERY: Duration = Duration::from_secs(20);
/// After this long without a word from it, a client is gone.
pub const SILENCE: Duration = Duration::from_secs(60);
/// How long one message may take to be written before the client counts as stuck.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a socket looks whether its key still holds: revocation cuts it within a second.
pub const KEY_CHECK_EVERY: Duration = Duration::from_millis(250);
/// Positions read from the log at once while a stream catches up.
pub const REPLAY_WINDOW: u32 = 2_000;
/// Progress of a distribution is told at most this often.
pub const PROGRESS_EVERY: Duration = Duration::from_millis(250);
