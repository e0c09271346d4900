use crate::DispatchConfig;

/// The bounds of one share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) all: u32,
    pub(crate) tenant: u32,
    pub(crate) channel: u32,
    pub(crate) destination: u32,
}

impl Limits {
    /// The shares of first tries and of retries. Each has at least one permit of each kind.
    pub(crate) fn of(config: &DispatchConfig) -> (Self, Self) {
        let retry = |whole: u32| (whole * config.retry_percent / 100).max(1);
        let first = |whole: u32| whole.saturating_sub(retry(whole)).max(1);
        let share = |part: &dyn Fn(u32) -> u32| Self {
            all: part(config.permits),
            tenant: part(config.tenant_permits),
            channel: part(config.channel_permits),
            destination: part(config.destination_permits),
        };
        (share(&first), share(&retry))
    }

    /// Most rows of one claim: half of what tenant or channel allow, so that one claim commits while the sends of the
    /// one before are under way.
    pub(crate) fn rows(&self) -> u32 {
        self.all.min(self.tenant).min(self.channel).div_ceil(2)
    }
}
