//! GraphQL as its clients meet it: over HTTP and over a real WebSocket, on read models that the real followers keep.

mod contract;
