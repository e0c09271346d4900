use std::io;

use schema::StreamId;
use sqlx::postgres::PgConnection;

use super::Encoded;
use crate::error::is_unavailable;
use crate::{AppendError, StoreError};

/// What an error of a whole batch means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// One of its units cannot be stored: find it, write the others.
    Guilty,
    /// Two transactions waited for each other: try again.
    Deadlock,
    /// Nobody knows whether it was committed.
    Lost,
    /// The server answered, and nothing of it was written.
    Refused,
}

impl Failure {
    /// Reads the SQLSTATE. 22, 23: data and constraints; 54: a key too long for an index; 40: deadlock.
    pub fn of(error: &sqlx::Error) -> Self {
        let Some(refusal) = error.as_database_error() else {
            return Self::Lost;
        };
        let code = refusal.code().unwrap_or_default();
        match &code[..code.len().min(2)] {
            "22" | "23" | "54" => Self::Guilty,
            "40" => Self::Deadlock,
            _ if is_unavailable(error) && !code.starts_with("53") => Self::Lost,
            _ => Self::Refused,
        }
    }
}

/// Why this one unit cannot be stored.
pub(crate) async fn conflict(
    connection: &mut PgConnection,
    unit: &Encoded,
    error: sqlx::Error,
) -> AppendError {
    let constraint = error.as_database_error().and_then(|refusal| refusal.constraint());
    match constraint {
        Some("command_log_pkey") => {
            let id = unit.unit.command.as_ref().map(|command| command.id.clone());
            AppendError::CommandSeen { id: id.unwrap_or_default() }
        }
        Some(name) if name.starts_with("events_") && name.ends_with("_pkey") => {
            match moved_on(connection, unit).await {
                Some(stream) => AppendError::Conflict { stream },
                None => AppendError::Rejected(error),
            }
        }
        _ => AppendError::Rejected(error),
    }
}

/// The stream that holds more than the unit expected.
async fn moved_on(connection: &mut PgConnection, unit: &Encoded) -> Option<StreamId> {
    let appends = &unit.unit.appends;
    let [only] = appends.as_slice() else {
        for append in appends {
            let taken: bool = sqlx::query_scalar(
                "select exists(select from events \
                 where aggregate_type = $1 and aggregate_id = $2 and sequence = $3)",
            )
            .bind(append.stream.aggregate_type.as_str())
            .bind(&append.stream.aggregate_id)
            .bind(append.expected + 1)
            .fetch_one(&mut *connection)
            .await
            .unwrap_or(false);
            if taken {
                return Some(append.stream.clone());
            }
        }
        // The other one has been rolled back since, or the unit names one stream twice.
        return appends.first().map(|append| append.stream.clone());
    };
    Some(only.stream.clone())
}

/// The same error for another caller of the same batch.
pub(super) fn same(error: &sqlx::Error) -> StoreError {
    let text = io::Error::other(error.to_string());
    if Failure::of(error) == Failure::Refused && !is_unavailable(error) {
        return StoreError::Database(sqlx::Error::Io(text));
    }
    StoreError::Unavailable(sqlx::Error::Io(text))
}
