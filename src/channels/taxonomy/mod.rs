//! What an answer means: tables from SMTP and HTTP codes, and from failed connections, to what can be done about it.
//!
//! Nothing here does I/O or knows which delivery it is about. A code that no table knows is `unknown`, and is counted
//! under that name so that the table can learn. Change a row: raise [`VERSION`].

mod connect;
mod http;
mod smtp;
mod smtp_basic;
mod smtp_enhanced;

pub use connect::connect_code;
pub use http::{http_class, http_code};
pub use smtp::{EnhancedCode, SmtpMeaning, SmtpStep, smtp_meaning};

/// The version of these tables.
pub const VERSION: u32 = 2;
