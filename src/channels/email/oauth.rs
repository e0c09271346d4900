use std::path::PathBuf;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use schema::{ChannelError, FailureClass};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::EmailConfig;
use crate::SetupError;

/// A token is used no longer than until this much before its end: a mail may take a while.
const MARGIN: Duration = Duration::from_secs(60);
/// How long a token is good for whose issuer does not say (RFC 6749 §5.1 recommends to).
const UNSAID: Duration = Duration::from_secs(300);
/// The longest answer of an issuer that is read, and the longest token file.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Access tokens for AUTH XOAUTH2: from a file that something else keeps fresh, or from their issuer (RFC 6749) by a
/// refresh token or by the client's own credentials. One that was got is used until it ends or is refused.
pub struct Tokens {
    source: Source,
    kept: Mutex<Option<(SecretString, Instant)>>,
}

enum Source {
    File(PathBuf),
    Issuer(Box<Issuer>),
}

struct Issuer {
    http: Client,
    url: Url,
    client_id: String,
    client_secret: Option<SecretString>,
    refresh_token: Option<SecretString>,
    scope: Option<String>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: SecretString,
    expires_in: Option<u64>,
}

impl Tokens {
    /// Where the configuration says that tokens come from, if it does.
    pub fn try_new(config: &EmailConfig) -> Result<Option<Self>, SetupError> {
        let source = match (&config.oauth_token_file, &config.oauth_token_url) {
            (Some(file), _) => Source::File(file.clone()),
            (None, Some(url)) => {
                let http = Client::builder().redirect(Policy::none()).no_proxy().build();
                let failed = |error: reqwest::Error| SetupError::File {
                    key: "mail.oauth_token_url",
                    path: url.to_string(),
                    reason: error.to_string(),
                };
                Source::Issuer(Box::new(Issuer {
                    http: http.map_err(failed)?,
                    url: url.clone(),
                    client_id: config.oauth_client_id.clone().unwrap_or_default(),
                    client_secret: config.oauth_client_secret.clone(),
                    refresh_token: config.oauth_refresh_token.clone(),
                    scope: config.oauth_scope.clone(),
                }))
            }
            (None, None) => return Ok(None),
        };
        Ok(Some(Self { source, kept: Mutex::new(None) }))
    }

    /// A token that is believed to be good.
    ///
    /// # Errors
    /// `oauth.unreadable`, `oauth.refused`, `oauth.unreachable`; nothing was sent.
    pub async fn token(&self, deadline: Instant) -> Result<SecretString, ChannelError> {
        let issuer = match &self.source {
            // Read each time: it is small, and whoever keeps it fresh need tell nobody.
            Source::File(file) => return from_file(file).await,
            Source::Issuer(issuer) => issuer,
        };
        // Held while one is got, so that a burst of connections asks once.
        let mut kept = self.kept.lock().await;
        if let Some((token, until)) = &*kept
            && Instant::now() < *until
        {
            return Ok(token.clone());
        }
        let asked = timeout_at(deadline, issuer.ask()).await;
        let granted =
            asked.map_err(|_| failure(FailureClass::Transient, "oauth.unreachable"))??;
        let good_for = granted.expires_in.map_or(UNSAID, Duration::from_secs);
        let until = Instant::now() + good_for.saturating_sub(MARGIN);
        *kept = Some((granted.access_token.clone(), until));
        Ok(granted.access_token)
    }

    /// The relay refused this token: it is used no more. True when asking again may bring another one.
    pub async fn refused(&self, token: &SecretString) -> bool {
        let mut kept = self.kept.lock().await;
        let same =
            |(known, _): &(SecretString, Instant)| known.expose_secret() == token.expose_secret();
        if kept.as_ref().is_some_and(same) {
            *kept = None;
        }
        matches!(self.source, Source::Issuer(_))
    }
}

async fn from_file(file: &PathBuf) -> Result<SecretString, ChannelError> {
    let unreadable = || failure(FailureClass::Config, "oauth.unreadable");
    let text = tokio::fs::read_to_string(file).await.map_err(|_| unreadable())?;
    let token = text.trim();
    let plain = token.bytes().all(|c| c.is_ascii_graphic());
    if token.is_empty() || token.len() > MAX_ANSWER_BYTES || !plain {
        return Err(unreadable());
    }
    Ok(SecretString::from(token))
}

impl Issuer {
    async fn ask(&self) -> Result<Granted, ChannelError> {
        let mut form = vec![("client_id", self.client_id.as_str())];
        if let Some(secret) = &self.client_secret {
            form.push(("client_secret", secret.expose_secret()));
        }
        match &self.refresh_token {
            Some(token) => {
                form.push(("grant_type", "refresh_token"));
                form.push(("refresh_token", token.expose_secret()));
            }
            None => form.push(("grant_type", "client_credentials")),
        }
        form.extend(self.scope.as_deref().map(|scope| ("scope", scope)));
        let answer = self.http.post(self.url.clone()).form(&form).send().await;
        let unreachable = |_| failure(FailureClass::Transient, "oauth.unreachable");
        let mut answer = answer.map_err(unreachable)?;
        let status = answer.status();
        if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS {
            return Err(failure(FailureClass::Auth, "oauth.refused"));
        }
        if !status.is_success() {
            return Err(failure(FailureClass::Transient, "oauth.unreachable"));
        }
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(unreachable)? {
            body.extend_from_slice(&piece);
            if body.len() > MAX_ANSWER_BYTES {
                return Err(failure(FailureClass::Config, "oauth.unreadable"));
            }
        }
        serde_json::from_slice(&body).map_err(|_| failure(FailureClass::Config, "oauth.unreadable"))
    }
}

fn failure(class: FailureClass, code: &str) -> ChannelError {
    ChannelError::not_sent(class, code)
}
