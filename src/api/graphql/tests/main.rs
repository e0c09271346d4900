//! GraphQL as its clients meet it.
