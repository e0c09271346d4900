use std::collections::HashSet;

use sqlx::postgres::PgConnection;

use super::queries;

/// A transaction that may still commit a position that was given out: by its virtual transaction id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Holder {
    pub virtual_transaction: String,
    /// Absent for a prepared transaction.
    pub pid: Option<i32>,
}

/// How metrics tell holders apart: names and pids are for readiness and `waybill doctor`, which are not kept.
pub(super) const HOLDER_KINDS: [&str; 2] = ["session", "prepared"];

pub(super) const fn kind_of(holder: &Holder) -> &'static str {
    let [session, prepared] = HOLDER_KINDS;
    if holder.pid.is_some() { session } else { prepared }
}

/// Who holds the sequence now.
pub(crate) async fn log_holders(connection: &mut PgConnection) -> sqlx::Result<HashSet<Holder>> {
    let rows = queries::holders(connection).await?;
    Ok(rows
        .into_iter()
        .map(|(virtual_transaction, pid)| Holder { virtual_transaction, pid })
        .collect())
}

/// Those of `waited_for` that have not ended. A session may have prepared its transaction meanwhile, and then has
/// another name: every prepared one counts.
pub(super) fn still_there(waited_for: &HashSet<Holder>, now: HashSet<Holder>) -> HashSet<Holder> {
    now.into_iter().filter(|holder| holder.pid.is_none() || waited_for.contains(holder)).collect()
}

/// Each holder as a person would look for it.
pub(crate) async fn describe(
    connection: &mut PgConnection,
    holders: &HashSet<Holder>,
) -> sqlx::Result<Vec<String>> {
    let mut described = Vec::with_capacity(holders.len());
    for holder in holders {
        let found = match holder.pid {
            Some(pid) => queries::session(connection, pid).await?,
            None => queries::prepared(connection, &holder.virtual_transaction).await?,
        };
        described
            .push(found.unwrap_or_else(|| format!("transaction {}", holder.virtual_transaction)));
    }
    described.sort();
    Ok(described)
}
