use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection};

use crate::StoreError;

/// What every connection of this crate has in common. `jit` costs more than any statement here gains. A server whose
/// client is gone without a word finds out within half a minute, and lets go of what it held.
pub(crate) fn options(url: &str, name: &str) -> Result<PgConnectOptions, StoreError> {
    Ok(PgConnectOptions::from_str(url)?
        .application_name(name)
        .options([("jit", "off"), ("timezone", "UTC")])
        .options([("tcp_keepalives_idle", "15"), ("tcp_keepalives_interval", "5")])
        .options([("tcp_keepalives_count", "3")])
        .statement_cache_capacity(200)
        .disable_statement_logging())
}

/// For statements that end within this time, or are ended by Postgres.
pub(crate) fn limited(options: PgConnectOptions, limit_ms: u64) -> PgConnectOptions {
    options.options([("statement_timeout", limit_ms.to_string())])
}

/// For statements that are known to find all they need by an index. A plan made while a table was new and empty, and
/// kept with the prepared statement, would read all of it later.
pub(crate) fn by_index(options: PgConnectOptions) -> PgConnectOptions {
    options.options([("enable_seqscan", "off"), ("enable_bitmapscan", "off")])
}

/// For statements of other crates: planned anew each time, for the same reason.
pub(crate) fn planned_anew(options: PgConnectOptions) -> PgConnectOptions {
    options.options([("plan_cache_mode", "force_custom_plan")])
}

/// A pool whose connections are made when they are first needed.
pub(crate) fn pool(options: PgConnectOptions, connections: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections.max(1))
        .acquire_timeout(Duration::from_secs(5))
        .test_before_acquire(false)
        // One that lay idle may have lost its server meanwhile; one just used has not.
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for > Duration::from_secs(1) {
                    return connection.ping().await.map(|()| true);
                }
                Ok(true)
            })
        })
        .connect_lazy_with(options)
}
