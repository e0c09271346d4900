use std::str::FromStr;
use std::time::Duration;

use sqlx::{ConnectOptions, Connection};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

use crate::StoreError;

/// What every connection of this crate has in common. `jit` costs more than any statement here gains.
pub(crate) fn options(url: &str, name: &str) -> Result<PgConnectOptions, StoreError> {
    Ok(PgConnectOptions::from_str(url)?
        .application_name(name)
        .options([("jit", "off"), ("timezone", "UTC")])
        .statement_cache_capacity(200)
        .disable_statement_logging())
}

/// A pool whose connections are made when they are first needed.
pub(crate) fn pool(url: &str, name: &str, connections: u32) -> Result<PgPool, StoreError> {
    Ok(PgPoolOptions::new()
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
        .connect_lazy_with(options(url, name)?))
}
