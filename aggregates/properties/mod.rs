//! What holds whatever happens: rules tried on random lives. Knows no single case; those are in each room's tests.

#![expect(clippy::unwrap_used, reason = "tests say what they expect")]

mod deliveries;
mod folding;
mod routes;
