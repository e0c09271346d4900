use std::net::SocketAddr;
use std::path::PathBuf;

use aggregates::recipient::{MAX_SOFT_BOUNCES_KEPT, SoftRule};
use schema::{Invalid, Timestamp};
use serde::Deserialize;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Where LMTP is spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LmtpBind {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// What comes back by mail. Key `returns`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReturnsConfig {
    /// The longest message that is read, in bytes, 10,000 to 157,286,400: a report may hold the whole mail it is about.
    /// Key `returns.max_message_bytes`.
    pub max_message_bytes: usize,
    /// A Maildir to take returned mail from. Key `returns.maildir`.
    pub maildir: Option<PathBuf>,
    /// Between two looks into it, in milliseconds, 10 to 60,000. Key `returns.maildir_poll_ms`.
    pub maildir_poll_ms: u64,
    /// Where LMTP (RFC 2033) is spoken: a loopback address with a port, or `unix:` and the path of a socket. It knows
    /// no passwords, so whoever reaches it may hand in messages. Key `returns.lmtp_bind`.
    pub lmtp_bind: Option<String>,
    /// An address whose server says that it takes nothing any more is suppressed for so many days, 0 to 3,650; 0: until
    /// it is lifted. Key `returns.hard_bounce_days`.
    pub hard_bounce_days: u32,
    /// So many mails that came back for reasons that pass suppress their address, 1 to 20. Key
    /// `returns.soft_bounce_limit`.
    pub soft_bounce_limit: u32,
    /// When they came back within so many days, 1 to 365. Key `returns.soft_bounce_within_days`.
    pub soft_bounce_within_days: u32,
    /// For so many days, 1 to 365. Key `returns.soft_bounce_days`.
    pub soft_bounce_days: u32,
}

impl Default for ReturnsConfig {
    fn default() -> Self {
        Self {
            max_message_bytes: 40 << 20,
            maildir: None,
            maildir_poll_ms: 1_000,
            lmtp_bind: None,
            hard_bounce_days: 180,
            soft_bounce_limit: 3,
            soft_bounce_within_days: 14,
            soft_bounce_days: 7,
        }
    }
}

impl ReturnsConfig {
    /// Every value that breaks its rule, with its key and the rule.
    #[must_use]
    pub fn wrong(&self) -> Vec<Invalid> {
        let most_soft = MAX_SOFT_BOUNCES_KEPT as u64;
        let limits = [
            ("returns.max_message_bytes", self.max_message_bytes as u64, 10_000, 150 << 20),
            ("returns.maildir_poll_ms", self.maildir_poll_ms, 10, 60_000),
            ("returns.hard_bounce_days", self.hard_bounce_days.into(), 0, 3_650),
            ("returns.soft_bounce_limit", self.soft_bounce_limit.into(), 1, most_soft),
            ("returns.soft_bounce_within_days", self.soft_bounce_within_days.into(), 1, 365),
            ("returns.soft_bounce_days", self.soft_bounce_days.into(), 1, 365),
        ];
        let within = |(key, value, least, most)| Invalid::unless_within(key, value, least, most);
        let mut wrong: Vec<_> = limits.into_iter().filter_map(within).collect();
        wrong.extend(self.lmtp().err());
        wrong
    }

    /// Where LMTP is spoken, if it is.
    ///
    /// # Errors
    /// [`Invalid`] naming the key and the rule.
    pub(crate) fn lmtp(&self) -> Result<Option<LmtpBind>, Invalid> {
        let Some(bind) = &self.lmtp_bind else { return Ok(None) };
        if let Some(path) = bind.strip_prefix("unix:").filter(|path| path.starts_with('/')) {
            return Ok(Some(LmtpBind::Unix(path.into())));
        }
        let address = bind.parse::<SocketAddr>().ok().filter(|address| address.ip().is_loopback());
        let rule = "must be a loopback address with a port, or unix: and an absolute path";
        let wrong = || Invalid::new("returns.lmtp_bind", bind, rule);
        Ok(Some(LmtpBind::Tcp(address.ok_or_else(wrong)?)))
    }

    /// Until when a hard bounce learned of at `now` suppresses.
    pub(crate) fn hard_until(&self, now: Timestamp) -> Option<Timestamp> {
        let days = u64::from(self.hard_bounce_days);
        (days > 0).then(|| now.plus_ms(days * DAY_MS))
    }

    pub(crate) fn soft_rule(&self) -> SoftRule {
        SoftRule {
            limit: self.soft_bounce_limit,
            within_ms: u64::from(self.soft_bounce_within_days) * DAY_MS,
            for_ms: u64::from(self.soft_bounce_days) * DAY_MS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_keep_their_own_rules() {
        assert_eq!(ReturnsConfig::default().wrong(), []);
    }

    #[test]
    fn each_wrong_value_is_named_with_its_rule() {
        let config = ReturnsConfig {
            max_message_bytes: 1,
            hard_bounce_days: 4_000,
            soft_bounce_limit: 21,
            soft_bounce_within_days: 0,
            soft_bounce_days: 366,
            maildir_poll_ms: 9,
            lmtp_bind: Some("0.0.0.0:24".to_owned()),
            maildir: None,
        };
        let wrong = config.wrong();
        let named: Vec<_> = wrong.iter().map(|wrong| wrong.field.as_str()).collect();
        let keys = [
            "returns.max_message_bytes",
            "returns.maildir_poll_ms",
            "returns.hard_bounce_days",
            "returns.soft_bounce_limit",
            "returns.soft_bounce_within_days",
            "returns.soft_bounce_days",
            "returns.lmtp_bind",
        ];
        assert_eq!(named, keys);
    }

    #[test]
    fn lmtp_is_spoken_on_this_machine_only() {
        let at = |bind: &str| {
            let lmtp_bind = Some(bind.to_owned());
            ReturnsConfig { lmtp_bind, ..Default::default() }.lmtp().ok().flatten()
        };
        assert_eq!(at("127.0.0.1:2424"), Some(LmtpBind::Tcp(([127, 0, 0, 1], 2424).into())));
        assert_eq!(at("unix:/run/waybill/lmtp"), Some(LmtpBind::Unix("/run/waybill/lmtp".into())));
        for odd in ["192.0.2.1:24", "localhost:24", "unix:lmtp", "/run/lmtp", ""] {
            assert_eq!(at(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_hard_bounce_suppresses_for_its_days_or_until_it_is_lifted() {
        let now = Timestamp::from_unix_micros(0);
        let days = |hard_bounce_days| ReturnsConfig { hard_bounce_days, ..Default::default() };
        assert_eq!(days(0).hard_until(now), None);
        assert_eq!(days(2).hard_until(now), Some(now.plus_ms(2 * 86_400_000)));
    }
}
