use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection};

use crate::ProjectionError;

/// A row that is folded as a whole: read, changed in memory by every event of a batch, written once. For models with
/// few events; the statement's cost is shared by the batch.
pub(crate) trait Entity:
    Serialize + for<'r> FromRow<'r, PgRow> + Send + Sync + Unpin
{
    /// Reads rows by `$1` tenants and `$2` ids beside them.
    const LOAD: &'static str;
    /// Writes rows given as a JSON array `$1`, replacing those that are there.
    const STORE: &'static str;

    /// What sets it apart: parts of its primary key, joined by `/`.
    fn key(&self) -> String;
}

/// The rows a batch works on.
pub(crate) struct Draft<E> {
    rows: BTreeMap<String, E>,
    changed: BTreeSet<String>,
}

impl<E: Entity> Draft<E> {
    /// Reads the rows of `owners`: pairs of tenant and id.
    pub(crate) async fn load(
        conn: &mut PgConnection,
        owners: &BTreeSet<(&str, &str)>,
    ) -> Result<Self, ProjectionError> {
        let (tenants, ids): (Vec<&str>, Vec<&str>) = owners.iter().copied().unzip();
        let rows: Vec<E> = sqlx::query_as(E::LOAD).bind(tenants).bind(ids).fetch_all(conn).await?;
        let rows = rows.into_iter().map(|row| (row.key(), row)).collect();
        Ok(Self { rows, changed: BTreeSet::new() })
    }

    /// The row, to look at.
    pub(crate) fn get(&self, key: &str) -> Option<&E> {
        self.rows.get(key)
    }

    /// The row, to change.
    pub(crate) fn change(&mut self, key: &str) -> Option<&mut E> {
        let row = self.rows.get_mut(key)?;
        self.changed.insert(key.to_owned());
        Some(row)
    }

    /// Puts a row in place of what is there, if anything.
    pub(crate) fn put(&mut self, row: E) {
        self.changed.insert(row.key());
        self.rows.insert(row.key(), row);
    }

    /// Writes what changed, in the order of keys.
    pub(crate) async fn store(self, conn: &mut PgConnection) -> Result<(), ProjectionError> {
        let changed: Vec<&E> = self.changed.iter().filter_map(|key| self.rows.get(key)).collect();
        if changed.is_empty() {
            return Ok(());
        }
        let rows = serde_json::to_string(&changed)?;
        sqlx::query(E::STORE).bind(rows).execute(conn).await?;
        Ok(())
    }
}
