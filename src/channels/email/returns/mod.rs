//! What comes back by mail, read: a delivery status notification (RFC 3464), a feedback report (RFC 5965) or an
//! automatic reply (RFC 3834). Pure: it says what a message claims and which marks of ours it carries; whether the
//! marks are genuine, and what follows, is decided by those who hold the keys and the ledger.

mod feedback;
mod fields;
mod marks;
mod read;
mod status;
#[cfg(test)]
mod tests;

pub use marks::{MARK_CHARS, MARK_HEADER, return_address};
pub use read::{Returned, ReturnedMail, read};
pub use status::Failure;
