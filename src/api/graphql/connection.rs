//! Pages of lists, after the Relay cursor connections specification, with the list's length beside them.

use std::num::NonZeroU32;

use async_graphql::{OutputType, SimpleObject};
use projections::{Cursor, Order, Page, PageRequest};

use super::fault::Fault;
use super::limits::{DEFAULT_PAGE_ROWS, MAX_PAGE_ROWS};
use super::nodes::{Decision, Delivery, Distribution, Recipient, Report, Subscription};
use super::scalars::Count;
use super::words::SortOrder;

/// One row of a list with its place in it.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(
    concrete(name = "DecisionEdge", params(Decision)),
    concrete(name = "DeliveryEdge", params(Delivery)),
    concrete(name = "DistributionEdge", params(Distribution)),
    concrete(name = "RecipientEdge", params(Recipient)),
    concrete(name = "ReportEdge", params(Report)),
    concrete(name = "SubscriptionEdge", params(Subscription))
)]
pub struct Edge<N: OutputType> {
    /// Its place: opaque, stable while the row is there.
    pub cursor: String,
    /// The row.
    pub node: N,
}

/// Part of a list.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(
    concrete(name = "DecisionConnection", params(Decision)),
    concrete(name = "DeliveryConnection", params(Delivery)),
    concrete(name = "DistributionConnection", params(Distribution)),
    concrete(name = "RecipientConnection", params(Recipient)),
    concrete(name = "ReportConnection", params(Report)),
    concrete(name = "SubscriptionConnection", params(Subscription))
)]
pub struct Connection<N: OutputType> {
    /// The rows, in order.
    pub edges: Vec<Edge<N>>,
    /// What lies around them.
    pub page_info: PageInfo,
    /// Rows in the whole list, as filtered. Counted only when asked for.
    pub total_count: Count,
}

/// What lies around a page.
#[derive(Clone, Debug, Default, SimpleObject)]
pub struct PageInfo {
    /// Whether rows follow.
    pub has_next_page: bool,
    /// Whether rows come before.
    pub has_previous_page: bool,
    /// The first row's place; none on an empty page.
    pub start_cursor: Option<String>,
    /// The last row's place; none on an empty page.
    pub end_cursor: Option<String>,
}

impl<N: OutputType> Connection<N> {
    /// A page as the read model gave it, its rows turned into nodes.
    ///
    /// # Errors
    /// What `node` says of a row.
    pub fn of<R>(page: Page<R>, total: i64, node: impl Fn(R) -> Result<N, Fault>) -> Result<Self, Fault> {
        let page_info = PageInfo {
            has_next_page: page.has_next,
            has_previous_page: page.has_previous,
            start_cursor: page.edges.first().map(|edge| edge.cursor.to_string()),
            end_cursor: page.edges.last().map(|edge| edge.cursor.to_string()),
        };
        let edges = page.edges.into_iter().map(|edge| {
            Ok(Edge { cursor: edge.cursor.to_string(), node: node(edge.row)? })
        });
        Ok(Self { edges: edges.collect::<Result<_, Fault>>()?, page_info, total_count: Count(total) })
    }
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
        let (after, before) = (cursor("after", self.after.as_deref())?, cursor("before", self.before.as_deref())?);
        Ok(PageRequest { limit, after, before, from_end, order })
    }
}

fn bounded(field: &str, rows: i32) -> Result<NonZeroU32, Fault> {
    let rows = u32::try_from(rows).ok().filter(|rows| *rows <= MAX_PAGE_ROWS).and_then(NonZeroU32::new);
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
