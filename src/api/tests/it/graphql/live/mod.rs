//! What happens, as it happens, over a real socket.

mod crowd;
mod inbox;
mod keys;
mod resume;
mod scopes;
pub mod socket;
