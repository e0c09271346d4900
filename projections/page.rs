use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use schema::Invalid;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::QueryAs;
use sqlx::{FromRow, PgPool, Postgres};

/// Where a row stands in an order: its sort key (a position, or microseconds since 1970) and what sets it apart from
/// rows with the same key. Written `key.tie`; opaque to clients, stable while the row is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The value sorted by.
    pub key: i64,
    /// Unique among rows of the same key.
    pub tie: i64,
}

impl Cursor {
    /// The place of a row in a list ordered by position.
    #[must_use]
    pub const fn at(position: i64) -> Self {
        Self { key: position, tie: position }
    }

    pub(crate) fn of_time(at: DateTime<Utc>, position: i64) -> Self {
        Self { key: at.timestamp_micros(), tie: position }
    }

    pub(crate) fn time(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(self.key)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.key, self.tie)
    }
}

impl FromStr for Cursor {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::new("cursor", text, "must be a cursor this API gave out");
        let (key, tie) = text.split_once('.').ok_or_else(wrong)?;
        Ok(Self { key: key.parse().map_err(|_| wrong())?, tie: tie.parse().map_err(|_| wrong())? })
    }
}

/// In which direction a sort key grows through the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Smallest first.
    Ascending,
    /// Largest first: newest, where the key is a position or a time.
    #[default]
    Descending,
}

/// Which part of an ordered list is wanted. Forward: the first `limit` rows after `after`. From the end: the last
/// `limit` rows before `before`. Rows always come in `order`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// At most so many rows. The caller bounds it.
    pub limit: u32,
    /// Only rows behind this one.
    pub after: Option<Cursor>,
    /// Only rows in front of this one.
    pub before: Option<Cursor>,
    /// Take them from the end of what is left instead of its beginning.
    pub from_end: bool,
    /// The order.
    pub order: Order,
}

impl PageRequest {
    /// The first `limit` rows, newest first.
    #[must_use]
    pub const fn first(limit: u32) -> Self {
        Self { limit, after: None, before: None, from_end: false, order: Order::Descending }
    }

    /// The last `limit` rows, newest first.
    #[must_use]
    pub const fn last(limit: u32) -> Self {
        Self { from_end: true, ..Self::first(limit) }
    }

    /// The same, behind `cursor`.
    #[must_use]
    pub const fn after(self, cursor: Cursor) -> Self {
        Self { after: Some(cursor), ..self }
    }

    /// The same, in front of `cursor`.
    #[must_use]
    pub const fn before(self, cursor: Cursor) -> Self {
        Self { before: Some(cursor), ..self }
    }

    /// The same, in `order`.
    #[must_use]
    pub const fn in_order(self, order: Order) -> Self {
        Self { order, ..self }
    }

    /// Whether rows are read by growing key.
    pub(crate) fn reads_upwards(&self) -> bool {
        (self.order == Order::Ascending) != self.from_end
    }

    /// Keys must be larger than this.
    pub(crate) fn lower(&self) -> Option<Cursor> {
        if self.order == Order::Ascending { self.after } else { self.before }
    }

    /// Keys must be smaller than this.
    pub(crate) fn upper(&self) -> Option<Cursor> {
        if self.order == Order::Ascending { self.before } else { self.after }
    }

    /// One more than wanted, to know whether there is more.
    pub(crate) fn fetch(&self) -> i64 {
        i64::from(self.limit) + 1
    }
}

/// A row with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge<R> {
    /// Its place.
    pub cursor: Cursor,
    /// The row.
    pub row: R,
}

/// Part of an ordered list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<R> {
    /// The rows, in order.
    pub edges: Vec<Edge<R>>,
    /// Whether rows follow.
    pub has_next: bool,
    /// Whether rows come before.
    pub has_previous: bool,
}

impl<R> Page<R> {
    /// The rows without their places.
    pub fn into_rows(self) -> Vec<R> {
        self.edges.into_iter().map(|edge| edge.row).collect()
    }

    fn of(mut rows: Vec<R>, request: &PageRequest, cursor: impl Fn(&R) -> Cursor) -> Self {
        let more = rows.len() > request.limit as usize;
        rows.truncate(request.limit as usize);
        if request.from_end {
            rows.reverse();
        }
        let (has_next, has_previous) = if request.from_end {
            (request.before.is_some(), more)
        } else {
            (more, request.after.is_some())
        };
        let edges = rows.into_iter().map(|row| Edge { cursor: cursor(&row), row }).collect();
        Self { edges, has_next, has_previous }
    }
}

/// A page query: its first arguments are the bounds as `$1 lower key, $2 lower tie, $3 upper key, $4 upper tie`, `$5`
/// the limit. Planned anew each time, so that filters which are null cost nothing.
pub(crate) type PageQuery<R> = QueryAs<'static, Postgres, R, PgArguments>;

/// A query over keys that are positions (or other numbers).
pub(crate) fn by_number<R>(sql: &'static str, request: &PageRequest) -> PageQuery<R>
where
    R: for<'r> FromRow<'r, PgRow>,
{
    sqlx::query_as(sql)
        .persistent(false)
        .bind(request.lower().map(|cursor| cursor.key))
        .bind(request.lower().map(|cursor| cursor.tie))
        .bind(request.upper().map(|cursor| cursor.key))
        .bind(request.upper().map(|cursor| cursor.tie))
        .bind(request.fetch())
}

/// A query over keys that are instants.
pub(crate) fn by_time<R>(sql: &'static str, request: &PageRequest) -> PageQuery<R>
where
    R: for<'r> FromRow<'r, PgRow>,
{
    sqlx::query_as(sql)
        .persistent(false)
        .bind(request.lower().and_then(Cursor::time))
        .bind(request.lower().map(|cursor| cursor.tie))
        .bind(request.upper().and_then(Cursor::time))
        .bind(request.upper().map(|cursor| cursor.tie))
        .bind(request.fetch())
}

/// Runs a page query.
pub(crate) async fn fetch<R>(
    pool: &PgPool,
    query: PageQuery<R>,
    request: &PageRequest,
    cursor: impl Fn(&R) -> Cursor,
) -> Result<Page<R>, sqlx::Error>
where
    R: for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    let rows = query.fetch_all(pool).await?;
    Ok(Page::of(rows, request, cursor))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use super::*;

    #[test]
    fn a_cursor_survives_being_written_and_read() {
        let cursor = Cursor { key: -5, tie: 12 };
        assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        assert!("12".parse::<Cursor>().is_err());
        assert!("a.b".parse::<Cursor>().is_err());
    }

    #[test]
    fn the_last_rows_come_in_the_same_order_as_the_first() {
        let request = PageRequest::last(2).in_order(Order::Ascending);
        let page = Page::of(vec![9_i64, 8, 7], &request, |n| Cursor::at(*n));
        assert_eq!(page.clone().into_rows(), vec![8, 9]);
        assert!(page.has_previous && !page.has_next);
    }

    #[test]
    fn after_bounds_from_above_when_the_newest_come_first() {
        let request = PageRequest::first(1).after(Cursor::at(7));
        assert_eq!((request.lower(), request.upper()), (None, Some(Cursor::at(7))));
        assert!(!request.reads_upwards());
    }
}
