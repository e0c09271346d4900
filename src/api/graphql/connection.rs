//! Pages of lists, after the Relay cursor connections specification, with the list's length beside them.

use std::num::NonZeroU32;

use async_graphql::connection::{
    self, DefaultConnectionName, DefaultEdgeName, DisableNodesField, EmptyFields,
};
use async_graphql::{ObjectType, SimpleObject};
use projections::{Cursor, Order, Page, PageRequest};

use super::fault::Fault;
use super::limits::{DEFAULT_PAGE_ROWS, MAX_PAGE_ROWS};
use super::scalars::Count;
use super::words::SortOrder;

/// Part of a list.
pub type Connection<N> = connection::Connection<
    String,
    N,
    Total,
    EmptyFields,
    DefaultConnectionName,
    DefaultEdgeName,
    DisableNodesField,
>;

/// What a connection tells of the whole list.
#[derive(Clone, Debug, SimpleObject)]
pub struct Total {
    /// Rows in the whole list, as filtered. Counted only when asked for.
    pub total_count: Count,
}

/// A page as the read model gave it, its rows turned into nodes.
///
/// # Errors
/// What `node` says of a row.
pub fn connection_of<R, N: ObjectType>(
    page: Page<R>,
    total: i64,
    node: impl Fn(R) -> Result<N, Fault>,
) -> Result<Connection<N>, Fault> {
    let total = Total { total_count: Count(total) };
    let mut told = Connection::with_additional_fields(page.has_previous, page.has_next, total);
    for edge in page.edges {
        told.edges.push(connection::Edge::new(edge.cursor.to_string(), node(edge.row)?));
    }
    Ok(told)
}

/// The four arguments of a connection.
#[derive(Clone, Debug, Default)]
pub struct PageArguments {
    /// So many rows from the beginning of what is left.
    pub first: Option<i32>,
    /// Only rows behind this cursor.
    pub after: Option<String>,
    /// So many rows from the end of what is left.
    pub last: Option<i32>,
    /// Only rows in front of this cursor.
    pub before: Option<String>,
}

impl PageArguments {
    /// What the read model is asked for.
    ///
    /// # Errors
    /// Bad input when both ends are asked for, a number is not 1 to [`MAX_PAGE_ROWS`], or a cursor is none.
    pub fn request(&self, order: SortOrder) -> Result<PageRequest, Fault> {
        if self.first.is_some() && self.last.is_some() {
            return Err(Fault::bad_input("first and last cannot be asked for together"));
        }
        let from_end = self.last.is_some();
        let limit = match (self.first, self.last) {
            (Some(rows), _) => bounded("first", rows)?.get(),
            (None, Some(rows)) => bounded("last", rows)?.get(),
            (None, None) => DEFAULT_PAGE_ROWS,
        };
        let order = match order {
            SortOrder::Ascending => Order::Ascending,
            SortOrder::Descending => Order::Descending,
        };
        let (after, before) =
            (cursor("after", self.after.as_deref())?, cursor("before", self.before.as_deref())?);
        Ok(PageRequest { limit, after, before, from_end, order })
    }
}

fn bounded(field: &str, rows: i32) -> Result<NonZeroU32, Fault> {
    let rows =
        u32::try_from(rows).ok().filter(|rows| *rows <= MAX_PAGE_ROWS).and_then(NonZeroU32::new);
    rows.ok_or_else(|| {
        let told = format!("{field} must be 1 to {MAX_PAGE_ROWS}");
        Fault { field: Some(field.to_owned()), ..Fault::bad_input(told) }
    })
}

fn cursor(field: &str, text: Option<&str>) -> Result<Option<Cursor>, Fault> {
    let read = |text: &str| {
        text.parse::<Cursor>().map_err(|invalid| Fault {
            field: Some(field.to_owned()),
            ..Fault::bad_input(format!("{field} {}", invalid.rule))
        })
    };
    text.map(read).transpose()
}

/// What a list costs: its rows times what is asked of each.
#[must_use]
pub fn page_cost(first: Option<i32>, last: Option<i32>, child_complexity: usize) -> usize {
    let rows = first.or(last).and_then(|rows| u32::try_from(rows).ok());
    1 + rows.unwrap_or(DEFAULT_PAGE_ROWS).min(MAX_PAGE_ROWS) as usize * child_complexity
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use super::super::fault::FaultCode;
    use super::{PageArguments, SortOrder};

    #[test]
    fn a_page_has_1_to_200_rows() {
        for wrong in [0, -1, 201, i32::MAX] {
            let page = PageArguments { first: Some(wrong), ..PageArguments::default() };
            let fault = page.request(SortOrder::Descending).unwrap_err();
            assert_eq!((fault.code, fault.field.as_deref()), (FaultCode::BadInput, Some("first")));
        }
        let page = PageArguments { last: Some(200), ..PageArguments::default() };
        let request = page.request(SortOrder::Ascending).unwrap();
        assert_eq!((request.limit, request.from_end), (200, true));
    }

    #[test]
    fn a_made_up_cursor_is_named() {
        let page = PageArguments { before: Some("x".to_owned()), ..PageArguments::default() };
        let fault = page.request(SortOrder::Descending).unwrap_err();
        assert_eq!((fault.code, fault.field.as_deref()), (FaultCode::BadInput, Some("before")));
    }
}
