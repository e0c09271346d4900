//! The other side: servers that take what Waybill sends and keep their own record of it.

mod aside;
mod fast;
mod records;
mod smtp;
mod webhook;

pub use aside::Aside;
pub use fast::FastSink;
pub use records::{Arrival, Records};
pub use smtp::SmtpSink;
pub use webhook::{WebhookSink, WebhookSinkConfig};
