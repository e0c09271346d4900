use std::fmt;

use serde::{Deserialize, Serialize};

use crate::TenantId;

/// Who caused an event, as an opaque id: `key:<id>`, `cli`, `node:<id>`, `reactor:<name>`, `recipient:<id>`. Never a
/// name or an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Actor(String);

impl Actor {
    /// An actor of a kind (`key`, `node`, …) with its id.
    #[must_use]
    pub fn new(kind: &str, id: &str) -> Self {
        Self(format!("{kind}:{id}"))
    }

    /// The actor as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is known of every event besides itself. Values are strings, keys are written sorted, absent ones are not
/// written: it is half of the bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Who caused it.
    pub actor: Actor,
    /// The event (`position`) or thing that made it necessary, where the command does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation: Option<String>,
    /// The command it came from: the caller's Idempotency-Key digest, or hash(reactor, position).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// What it belongs together with, where the stream does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<String>,
    /// Whose it is. The generated column `tenant` reads it.
    pub tenant: TenantId,
    /// W3C Trace Context, from intake through to outgoing requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

impl Metadata {
    /// The least there is: whose, and by whom.
    #[must_use]
    pub const fn new(tenant: TenantId, actor: Actor) -> Self {
        Self { actor, causation: None, command: None, correlation: None, tenant, traceparent: None }
    }
}
