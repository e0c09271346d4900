use schema::events::PauseScope;
use schema::{DestinationKey, Invalid};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::rest::words::ChannelWord;

/// What is held back.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum PauseScopeBody {
    /// Every send of the tenant.
    All {},
    /// Sends on one channel.
    Channel {
        /// Which.
        channel: ChannelWord,
    },
    /// Sends to one destination.
    Destination {
        /// Which, by the pseudonym that addresses and deliveries show.
        destination: String,
    },
}

impl PauseScopeBody {
    pub(super) fn read(&self) -> Result<PauseScope, Invalid> {
        Ok(match self {
            Self::All {} => PauseScope::All,
            Self::Channel { channel } => PauseScope::Channel { channel: channel.read()? },
            Self::Destination { destination } => PauseScope::Destination {
                destination: DestinationKey::try_new(destination.as_str())?,
            },
        })
    }
}
