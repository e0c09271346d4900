//! A tenant and what its operators hold back. Knows nothing of deliveries: a pause is a fact, obeyed elsewhere.

mod command;
mod decide;
mod refusal;
mod state;
#[cfg(test)]
mod tests;

pub use command::Command;
pub use refusal::Refusal;
pub use schema::events::TenantEvent as Event;
pub use state::{Skip, Tenant};

/// The rules of a tenant.
pub struct Rules;

/// So many pauses may hold at once; who needs more pauses a channel.
pub const MAX_PAUSES: usize = 1000;

/// So many calendars a tenant may have.
pub const MAX_CALENDARS: usize = 100;
