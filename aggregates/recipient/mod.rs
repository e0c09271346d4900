//! A recipient: how it is addressed and what it may have. Knows no subscription, and no address in the clear.

mod command;
mod decide;
mod refusal;
mod returns;
mod state;
#[cfg(test)]
mod tests;
mod webhook;

pub use command::Command;
pub use refusal::Refusal;
pub use returns::{MAX_SOFT_BOUNCES_KEPT, Returns, SoftBounce, SoftRule, Suppression, ToSuppress};
pub use schema::events::RecipientEvent as Event;
pub use state::{Address, Endpoint, Grant, Known, Place, Recipient};
pub use webhook::{MAX_HEADERS, check_header_name};

/// The rules of a recipient.
pub struct Rules;

/// So many addresses may be in use at once.
pub const MAX_ADDRESSES: usize = 16;
/// So many names of addresses may ever be used: a retired name can be used again.
pub const MAX_ADDRESS_NAMES: usize = 64;
/// So many grants may hold at once.
pub const MAX_GRANTS: usize = 256;
/// So many revoked grants are remembered by name.
pub const MAX_REVOKED_KEPT: usize = 64;
