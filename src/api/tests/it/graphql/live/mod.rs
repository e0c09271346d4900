//! What happens, as it happens, over a real socket.

mod keys;
mod resume;
pub mod socket;
