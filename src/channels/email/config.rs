use std::path::PathBuf;

use schema::Invalid;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::dkim::DkimKey;
use super::returns::MARK_CHARS;
use crate::validate_mail_address;

/// A local part has 64 octets; the plus and the mark take 41.
const MAX_PREFIX_CHARS: usize = 64 - 1 - MARK_CHARS;

/// How the connection to the relay is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TlsMode {
    /// STARTTLS (RFC 3207); a relay that does not offer it gets nothing.
    StarttlsRequired,
    /// STARTTLS where it is offered. A certificate that does not verify is still an error, never a way back to clear
    /// text.
    StarttlsOpportunistic,
    /// TLS from the first byte (RFC 8314).
    Implicit,
    /// Clear text, for a relay on this machine or behind a tunnel.
    None,
}

/// The mail channel's configuration, key `mail`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EmailConfig {
    /// The relay's name or address. Key `mail.host`.
    pub host: String,
    /// The relay's port, 1 to 65535. Key `mail.port`.
    pub port: u16,
    /// `starttls_required`, `starttls_opportunistic`, `implicit` or `none`. Key `mail.tls`.
    pub tls: TlsMode,
    /// PEM file with certificates to trust beside the system's, for a private relay. Key `mail.ca_file`.
    pub ca_file: Option<PathBuf>,
    /// User for AUTH PLAIN or LOGIN with `mail.password`, or for XOAUTH2 with a token; needs TLS that cannot be
    /// stripped. Key `mail.username`.
    pub username: Option<SecretString>,
    /// Key `mail.password`.
    pub password: Option<SecretString>,
    /// File with the access token for XOAUTH2, kept fresh by something else; read for each connection. Key
    /// `mail.oauth_token_file`.
    pub oauth_token_file: Option<PathBuf>,
    /// Where access tokens are asked for (RFC 6749), https: by `mail.oauth_refresh_token`, or by the client's own
    /// credentials without one. Key `mail.oauth_token_url`.
    pub oauth_token_url: Option<Url>,
    /// Needed to ask. Key `mail.oauth_client_id`.
    pub oauth_client_id: Option<String>,
    /// Key `mail.oauth_client_secret`.
    pub oauth_client_secret: Option<SecretString>,
    /// Key `mail.oauth_refresh_token`.
    pub oauth_refresh_token: Option<SecretString>,
    /// What the token is to be good for. Key `mail.oauth_scope`.
    pub oauth_scope: Option<String>,
    /// Address that mails come from, also the envelope's sender. Key `mail.from_address`.
    pub from_address: String,
    /// Name that mails come from, at most 128 bytes. Key `mail.from_name`.
    pub from_name: String,
    /// Domain of Message-IDs; that of `mail.from_address` when absent. Key `mail.message_id_domain`.
    pub message_id_domain: Option<String>,
    /// Domain whose mail is brought back to us (by Maildir, LMTP or HTTP): each mail then has a sender of its own in
    /// the envelope, so that what comes back names its delivery (VERP). `mail.from_address`, when absent. Key
    /// `mail.bounce_domain`.
    pub bounce_domain: Option<String>,
    /// What such senders begin with, 1 to 23 letters, digits, hyphens or dots. Key `mail.bounce_prefix`.
    pub bounce_prefix: String,
    /// Keys that mails are signed with (DKIM): `[{domain="…",selector="…",key_file="…"}]`. Key `mail.dkim`.
    pub dkim: Vec<DkimKey>,
    /// Name given in EHLO; the domain of `mail.from_address` when absent. Key `mail.hello_name`.
    pub hello_name: Option<String>,
    /// Connections at most, 1 to 256. Key `mail.pool_size`.
    pub pool_size: usize,
    /// A connection idle for this many milliseconds is closed instead of used. Key `mail.idle_limit_ms`.
    pub idle_limit_ms: u64,
    /// A connection idle for this many milliseconds is tried with RSET before it is used. Key
    /// `mail.check_idle_after_ms`.
    pub check_idle_after_ms: u64,
    /// Mails over one connection at most, 1 to 100,000. Key `mail.mails_per_connection`.
    pub mails_per_connection: u32,
    /// Limit for resolving, TCP and TLS, in milliseconds, 1 to 120,000. Key `mail.connect_timeout_ms`.
    pub connect_timeout_ms: u64,
    /// Limit for the reply to each command, in milliseconds, 1 to 300,000. Key `mail.command_timeout_ms`.
    pub command_timeout_ms: u64,
    /// Limit for the whole send, in milliseconds, 1 to 600,000; the content and its answer have what is left of it.
    /// Key `mail.send_timeout_ms`.
    pub send_timeout_ms: u64,
    /// Largest mail, encoded, in bytes, 10,000 to 157,286,400. Key `mail.max_message_bytes`.
    pub max_message_bytes: usize,
    /// Memory for encoded attachments, in bytes. Key `mail.encoded_cache_bytes`.
    pub encoded_cache_bytes: usize,
    /// Directory with `subject.txt`, `body.txt` and `body.html` (minijinja); the built-in ones when absent.
    /// Key `mail.template_dir`.
    pub template_dir: Option<PathBuf>,
    /// Test-sink mode: any relay that is not a loopback address is refused when it is dialled, so that no mail can
    /// leave this machine. There alone one-click unsubscribing is offered over http, too. Key `mail.test_sink`.
    pub test_sink: bool,
}

impl Default for EmailConfig {
    fn default() -> Self {
        Self {
            host: "localhost".to_owned(),
            port: 587,
            tls: TlsMode::StarttlsRequired,
            ca_file: None,
            username: None,
            password: None,
            oauth_token_file: None,
            oauth_token_url: None,
            oauth_client_id: None,
            oauth_client_secret: None,
            oauth_refresh_token: None,
            oauth_scope: None,
            from_address: "waybill@localhost.localdomain".to_owned(),
            from_name: "Waybill".to_owned(),
            message_id_domain: None,
            bounce_domain: None,
            bounce_prefix: "bounce".to_owned(),
            dkim: Vec::new(),
            hello_name: None,
            pool_size: 16,
            idle_limit_ms: 60_000,
            check_idle_after_ms: 5_000,
            mails_per_connection: 1_000,
            connect_timeout_ms: 10_000,
            command_timeout_ms: 20_000,
            send_timeout_ms: 60_000,
            max_message_bytes: 25 * 1024 * 1024,
            encoded_cache_bytes: 64 * 1024 * 1024,
            template_dir: None,
            test_sink: false,
        }
    }
}

/// What [`EmailConfig`] says, checked.
pub struct Checked {
    /// In its ASCII form.
    pub from_address: String,
    pub message_id_domain: String,
    pub hello_name: String,
    /// In its ASCII form.
    pub bounce_domain: Option<String>,
}

impl EmailConfig {
    /// Every value that breaks its rule, with its key and the rule; never the value of a secret.
    #[must_use]
    pub fn wrong(&self) -> Vec<Invalid> {
        let limits = [
            ("mail.port", self.port.into(), 1, 65_535),
            ("mail.pool_size", self.pool_size as u64, 1, 256),
            ("mail.mails_per_connection", self.mails_per_connection.into(), 1, 100_000),
            ("mail.connect_timeout_ms", self.connect_timeout_ms, 1, 120_000),
            ("mail.command_timeout_ms", self.command_timeout_ms, 1, 300_000),
            ("mail.send_timeout_ms", self.send_timeout_ms, 1, 600_000),
            ("mail.max_message_bytes", self.max_message_bytes as u64, 10_000, 150 << 20),
        ];
        let within = |(key, value, least, most)| Invalid::unless_within(key, value, least, most);
        let mut wrong: Vec<Invalid> = limits.into_iter().filter_map(within).collect();
        wrong.extend(self.check_login().err());
        wrong.extend(schema::checked_line("mail.host", &self.host, 253).err());
        wrong.extend(schema::checked_line("mail.from_name", &self.from_name, 128).err());
        wrong.extend(self.sender().err());
        wrong.extend(domain("mail.message_id_domain", self.message_id_domain.as_deref()).err());
        wrong.extend(domain("mail.hello_name", self.hello_name.as_deref()).err());
        wrong.extend(domain("mail.bounce_domain", self.bounce_domain.as_deref()).err());
        wrong.extend(self.check_bounce_prefix().err());
        wrong.extend(self.dkim.iter().filter_map(DkimKey::wrong));
        wrong
    }

    /// What the configuration says, checked.
    ///
    /// # Errors
    /// [`Invalid`] naming the key, the value and the rule of the first that is wrong.
    pub(super) fn checked(&self) -> Result<Checked, Invalid> {
        if let Some(wrong) = self.wrong().into_iter().next() {
            return Err(wrong);
        }
        let from_address = self.sender()?;
        let from_domain = from_address.rsplit('@').next().unwrap_or_default();
        let or_senders = |named: Option<String>| named.unwrap_or_else(|| from_domain.to_owned());
        let message_ids = domain("mail.message_id_domain", self.message_id_domain.as_deref())?;
        let hello = domain("mail.hello_name", self.hello_name.as_deref())?;
        Ok(Checked {
            message_id_domain: or_senders(message_ids),
            hello_name: or_senders(hello),
            bounce_domain: domain("mail.bounce_domain", self.bounce_domain.as_deref())?,
            from_address,
        })
    }

    fn sender(&self) -> Result<String, Invalid> {
        validate_mail_address(&self.from_address)
            .map_err(|wrong| Invalid { field: "mail.from_address".to_owned(), ..wrong })
    }

    /// With a plus and a mark it must fit a local part, of 64 octets at most (RFC 5321 §4.5.3.1.1).
    fn check_bounce_prefix(&self) -> Result<(), Invalid> {
        let prefix = &self.bounce_prefix;
        let plain = prefix.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.'));
        let dots = prefix.starts_with('.') || prefix.ends_with('.') || prefix.contains("..");
        if plain && !dots && (1..=MAX_PREFIX_CHARS).contains(&prefix.len()) {
            return Ok(());
        }
        let rule = "must be 1 to 23 letters, digits, hyphens or single dots inside";
        Err(Invalid::new("mail.bounce_prefix", prefix, rule))
    }

    fn check_login(&self) -> Result<(), Invalid> {
        let by_token = self.oauth_token_file.is_some() || self.oauth_token_url.is_some();
        if by_token {
            self.check_oauth()?;
        } else if self.username.is_some() != self.password.is_some() {
            return Err(Invalid::new("mail.username", "…", "needs mail.password, and the reverse"));
        }
        let empty = |secret: &SecretString| secret.expose_secret().is_empty();
        if self.username.as_ref().is_some_and(empty) || self.password.as_ref().is_some_and(empty) {
            return Err(Invalid::new("mail.username", "", "and mail.password must not be empty"));
        }
        let protected = matches!(self.tls, TlsMode::StarttlsRequired | TlsMode::Implicit);
        if self.username.is_some() && !protected && !self.test_sink {
            let rule = "must be starttls_required or implicit when mail.username is set";
            return Err(Invalid::new("mail.tls", &format!("{:?}", self.tls), rule));
        }
        Ok(())
    }
}

impl EmailConfig {
    /// What is needed to log in by a token, and what is in its way.
    fn check_oauth(&self) -> Result<(), Invalid> {
        if self.password.is_some() {
            let rule = "must be absent when tokens are used";
            return Err(Invalid::new("mail.password", "…", rule));
        }
        if self.username.is_none() {
            return Err(Invalid::new("mail.username", "", "is needed to log in by a token"));
        }
        let Some(url) = &self.oauth_token_url else { return Ok(()) };
        if self.oauth_token_file.is_some() {
            let rule = "must be absent when mail.oauth_token_url is set";
            return Err(Invalid::new("mail.oauth_token_file", "…", rule));
        }
        // In test-sink mode nothing leaves the machine, and its neighbours speak clear text.
        if url.scheme() != "https" && !(self.test_sink && url.scheme() == "http") {
            return Err(Invalid::new("mail.oauth_token_url", url.as_str(), "must be https"));
        }
        if self.oauth_client_id.is_none() {
            let rule = "is needed to ask for a token";
            return Err(Invalid::new("mail.oauth_client_id", "", rule));
        }
        Ok(())
    }
}

/// A domain in its ASCII form, if one is given.
fn domain(key: &str, given: Option<&str>) -> Result<Option<String>, Invalid> {
    let Some(given) = given else { return Ok(None) };
    let ascii = idna::domain_to_ascii_strict(given).ok().filter(|ascii| !ascii.is_empty());
    ascii.map(Some).ok_or_else(|| Invalid::new(key, given, "must be a domain"))
}
