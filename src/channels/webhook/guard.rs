use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use schema::Invalid;
use url::{Host, Url};

use super::WebhookConfig;
use super::ranges::not_public;

/// The longest URL, in bytes.
const MAX_URL_BYTES: usize = 2048;
/// Ports at and above 1024 at which something other than HTTP listens ("bad ports" of the Fetch standard, and stores
/// that believe what HTTP sends them).
const NOT_HTTP: [u16; 17] = [
    2049, 3659, 4045, 4190, 5060, 5061, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6679,
    10080, 11211,
];
/// Names that mean this machine or this network, whatever a resolver says.
const LOCAL_SUFFIXES: [&str; 4] = ["localhost", "local", "internal", "home.arpa"];

/// Where webhooks may go. Cheap to clone.
#[derive(Clone, Debug)]
pub struct WebhookGuard {
    rules: Arc<Rules>,
}

#[derive(Debug, Default)]
struct Rules {
    allow_http: bool,
    networks: Vec<IpNet>,
    hosts: Vec<String>,
}

/// An address that webhooks may not go to. Names the kind of network, not the address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Blocked(pub String);

impl WebhookGuard {
    /// The guard that a configuration asks for.
    ///
    /// # Errors
    /// [`Invalid`] when an entry of `webhook.allow` is neither network, address nor host name.
    pub fn try_new(config: &WebhookConfig) -> Result<Self, Invalid> {
        let mut rules = Rules { allow_http: config.allow_http, ..Rules::default() };
        for entry in &config.allow {
            if let Ok(network) = entry.parse::<IpNet>() {
                rules.networks.push(network);
            } else if let Ok(ip) = entry.parse::<IpAddr>() {
                rules.networks.push(ip.into());
            } else {
                let host = idna::domain_to_ascii_strict(entry).ok().filter(|host| !host.is_empty());
                rules.hosts.push(host.ok_or_else(|| {
                    Invalid::new("webhook.allow", entry, "must be a network, address or host name")
                })?);
            }
        }
        Ok(Self { rules: Arc::new(rules) })
    }

    /// Checks a webhook's URL when it is registered, and before each send. Resolves nothing: names are checked again
    /// by what they resolve to when they are dialled.
    ///
    /// # Errors
    /// [`Invalid`] naming the rule.
    pub fn validate_url(&self, text: &str) -> Result<Url, Invalid> {
        let wrong = |rule: &str| Invalid::new("address", &text.escape_debug().to_string(), rule);
        if text.len() > MAX_URL_BYTES {
            return Err(wrong("must have at most 2048 bytes"));
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(wrong(
                "must not contain spaces or control characters such as CR, LF or NUL",
            ));
        }
        let url = Url::parse(text).map_err(|_| wrong("must be an absolute https URL"))?;
        match url.scheme() {
            "https" => {}
            "http" if self.rules.allow_http => {}
            _ => return Err(wrong("must be an absolute https URL")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            // Not quoted: what stands there is a credential.
            return Err(Invalid::new("address", "…", "must not carry a user name or password"));
        }
        if url.fragment().is_some() {
            return Err(wrong("must not have a fragment"));
        }
        self.check_port(url.port_or_known_default()).map_err(|Blocked(rule)| wrong(&rule))?;
        self.check_host(&url).map_err(|Blocked(rule)| wrong(&rule))?;
        Ok(url)
    }

    fn check_port(&self, port: Option<u16>) -> Result<(), Blocked> {
        match port {
            Some(443) => Ok(()),
            Some(80) if self.rules.allow_http => Ok(()),
            Some(port) if port >= 1024 && !NOT_HTTP.contains(&port) => Ok(()),
            _ => Err(Blocked("must have a port for HTTP: 443, or 1024 and above".to_owned())),
        }
    }

    fn check_host(&self, url: &Url) -> Result<(), Blocked> {
        match url.host() {
            Some(Host::Ipv4(ip)) => self.check_ip(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => self.check_ip(IpAddr::V6(ip)),
            Some(Host::Domain(name)) if self.allows_host(name) => Ok(()),
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                let ends = |suffix: &&str| {
                    name.strip_suffix(*suffix)
                        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
                };
                let local = LOCAL_SUFFIXES.iter().any(ends);
                if local { Err(Blocked("must be a public host".to_owned())) } else { Ok(()) }
            }
            None => Err(Blocked("must have a host".to_owned())),
        }
    }

    /// Whether the address may be dialled.
    pub(super) fn check_ip(&self, ip: IpAddr) -> Result<(), Blocked> {
        let ip = ip.to_canonical();
        if self.rules.networks.iter().any(|network| network.contains(&ip)) {
            return Ok(());
        }
        match not_public(ip) {
            None => Ok(()),
            Some(kind) => Err(Blocked(format!("must be a public address, not {kind}"))),
        }
    }

    /// Whether the name is trusted with whatever it resolves to.
    pub(super) fn allows_host(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.');
        self.rules.hosts.iter().any(|host| host.eq_ignore_ascii_case(name))
    }
}

/// Checks a URL by the rules for production: https to public hosts only.
///
/// # Errors
/// [`Invalid`] naming the rule.
pub fn validate_url(text: &str) -> Result<Url, Invalid> {
    WebhookGuard { rules: Arc::default() }.validate_url(text)
}
