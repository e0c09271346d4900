use async_graphql::{Response, ServerError};
use axum::extract::ws::{CloseFrame, Message};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::graphql::http::Operation;

/// What a client may say.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum FromClient {
    /// Who it is.
    ConnectionInit {
        #[serde(default)]
        payload: Option<Value>,
    },
    Ping {
        #[serde(default)]
        payload: Option<Value>,
    },
    Pong {},
    /// Begins an operation.
    Subscribe {
        id: String,
        payload: Box<Operation>,
    },
    /// Ends one.
    Complete {
        id: String,
    },
}

/// What it is told.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ToClient<'a> {
    ConnectionAck,
    Ping,
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<Value>,
    },
    Next {
        id: &'a str,
        payload: &'a Response,
    },
    /// The operation ends with it.
    Error {
        id: &'a str,
        payload: &'a [ServerError],
    },
    Complete {
        id: &'a str,
    },
}

impl ToClient<'_> {
    pub fn written(&self) -> Message {
        Message::Text(serde_json::to_string(self).unwrap_or_default().into())
    }
}

/// Why a connection ends, by the protocol's codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Close {
    /// The client went away, or cannot be reached.
    Gone,
    GoingDown,
    Silent,
    NotUnderstood,
    NotAcceptable,
    NotInitialised,
    Forbidden,
    InitTimeout,
    SameId,
    SecondInit,
    /// Too many others have not said who they are.
    Crowded,
    /// All places are taken.
    Full,
}

impl Close {
    /// What the client is told; nothing when nobody is there.
    pub fn frame(self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            Self::Gone => return None,
            Self::GoingDown => (1001, "this node is going down; connect to another"),
            Self::Silent => (1001, "not a word from you"),
            Self::NotUnderstood => (4400, "not a message of graphql-transport-ws"),
            Self::NotInitialised => (4401, "Unauthorized"),
            Self::Forbidden => (4403, "Forbidden: the API key does not hold"),
            Self::NotAcceptable => (4406, "Subprotocol not acceptable"),
            Self::InitTimeout => (4408, "Connection initialisation timeout"),
            Self::SameId => (4409, "Subscriber already exists"),
            Self::Crowded => (1013, "too many connections have not said who they are; try again"),
            Self::Full => (1013, "too many WebSockets are open; try again"),
            Self::SecondInit => (4429, "Too many initialisation requests"),
        };
        Some(CloseFrame { code, reason: reason.into() })
    }
}
