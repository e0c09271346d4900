use std::io::ErrorKind;

/// The taxonomy's name for a connection that did not come about. All of these are transient.
#[must_use]
pub const fn connect_code(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ConnectionRefused => "connect.refused",
        ErrorKind::TimedOut => "connect.timeout",
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => "connect.unreachable",
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => "connect.reset",
        ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe => "connect.closed",
        ErrorKind::InvalidData => "connect.tls",
        _ => "connect.failed",
    }
}
