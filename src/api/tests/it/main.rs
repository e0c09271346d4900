//! Behaviour of the API on a real Postgres, through the router as boot builds it. Dispatch's desk, the channels' rules
//! and the projections are the real ones; nothing is sent.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
#![expect(clippy::panic, reason = "a failed expectation fails the test")]

mod bad_input;
mod bulk;
mod calendars;
mod deliveries;
mod description;
mod events;
mod figures;
mod graphql;
mod groups;
mod grpc;
mod idempotency;
mod inbox;
mod keys;
mod limited;
mod logs;
mod on_time;
mod operations;
mod preferences;
mod preview;
mod publishing;
mod recipes;
mod recipients;
mod resend_failed;
mod security;
mod served;
mod socket;
mod subscriptions;
mod support;
mod suppressions;
mod tls;
mod unsubscribe;
mod webhooks;
