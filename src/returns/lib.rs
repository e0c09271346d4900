//! What comes back by mail, recorded: a bounce, a complaint or an automatic reply becomes evidence of its delivery, and
//! suppresses the address where the rules say so.
//!
//! Anyone can write a message, so nothing in it is believed but a mark that our own vault signed: it stands in the
//! envelope's sender, and in a header of the mail itself. It proves that the message was written by someone who had the
//! mail; whoever has it can say no more with it than that this one mail came back or was unwelcome. A message without
//! such a mark changes nothing, whatever Message-ID it names.
//!
//! Evidence and suppression are appended here, in one unit, not by a reactor behind the log: whoever is answered
//! "taken" may forget the message, and the address is suppressed from that moment on.

#![warn(missing_docs)]

mod clock;
mod config;
mod desk;
mod error;
mod figures;
mod follow;
mod incoming;
mod lmtp;
mod maildir;

pub use config::ReturnsConfig;
pub use desk::ReturnDesk;
pub use error::ReturnError;
pub use incoming::{Incoming, RecordFor, Recorded};
pub use lmtp::Lmtp;
pub use maildir::Maildir;
