use schema::ChannelKind;

use crate::DispatchConfig;

/// The bounds of one share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) all: u32,
    pub(crate) tenant: u32,
    pub(crate) destination: u32,
    channels: Vec<(ChannelKind, u32)>,
}

impl Limits {
    /// The shares of first tries and of retries. Each has at least one permit of each kind.
    pub(crate) fn of(config: &DispatchConfig) -> (Self, Self) {
        let retry = |whole: u32| (whole * config.retry_percent / 100).max(1);
        let first = |whole: u32| whole.saturating_sub(retry(whole)).max(1);
        (Self::share(config, first), Self::share(config, retry))
    }

    fn share(config: &DispatchConfig, part: impl Fn(u32) -> u32) -> Self {
        let channel = |kind| (kind, part(config.channel_permits(kind)));
        Self {
            all: part(config.permits),
            tenant: part(config.tenant_permits),
            destination: part(config.destination_permits),
            channels: ChannelKind::ALL.map(channel).to_vec(),
        }
    }

    pub(crate) fn channel(&self, channel: ChannelKind) -> u32 {
        let of = self.channels.iter().find(|(kind, _)| *kind == channel);
        of.map_or(0, |(_, limit)| *limit)
    }

    /// Most rows of one claim: half of what the node and a tenant allow, so that one claim commits while the sends of
    /// the one before are under way.
    pub(crate) fn rows(&self) -> u32 {
        self.all.min(self.tenant).div_ceil(2)
    }
}
