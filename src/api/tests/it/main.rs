//! Behaviour of the API on a real server.
