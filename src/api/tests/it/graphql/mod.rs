//! GraphQL as its clients meet it: over HTTP and over a real WebSocket, on read models that the real followers keep.

mod analytics;
mod bounds;
mod contract;
mod groups;
mod history;
mod inbox;
mod live;
mod personal;
mod reading;
mod security;
mod served;
mod statements;
mod world;
