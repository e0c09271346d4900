use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Auth, Ehlo};
use lettre::transport::smtp::extension::ClientId;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use schema::{ChannelError, FailureClass, SendStage};
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::oauth::Tokens;
use super::session::{Session, is_421, refused_or_lost};
use super::wire::{Wire, WireWatch};
use super::{EmailConfig, TlsMode};
use crate::SetupError;
use crate::taxonomy::{SmtpStep, connect_code};

/// Opens sessions with the relay: resolve, connect, greet, encrypt, log in.
pub struct Connector {
    host: String,
    port: u16,
    mode: TlsMode,
    hello: ClientId,
    login: Option<Credentials>,
    /// For the user that logs in by a token.
    tokens: Option<(String, Tokens)>,
    starttls: Option<TlsParameters>,
    implicit: Option<(TlsConnector, ServerName<'static>)>,
    connect_timeout: Duration,
    command_timeout: Duration,
    test_sink: bool,
}

impl Connector {
    pub fn try_new(config: &EmailConfig, hello_name: String) -> Result<Self, SetupError> {
        let wanted = |mode: &[TlsMode]| mode.contains(&config.tls);
        let starttls = wanted(&[TlsMode::StarttlsRequired, TlsMode::StarttlsOpportunistic]);
        let login = config.username.as_ref().zip(config.password.as_ref());
        Ok(Self {
            host: config.host.clone(),
            port: config.port,
            mode: config.tls,
            hello: ClientId::Domain(hello_name),
            login: login.map(|(user, password)| {
                let (user, password) = (user.expose_secret(), password.expose_secret());
                Credentials::new(user.to_owned(), password.to_owned())
            }),
            tokens: Tokens::try_new(config)?.map(|tokens| {
                let user = config.username.as_ref().map(ExposeSecret::expose_secret);
                (user.unwrap_or_default().to_owned(), tokens)
            }),
            starttls: starttls.then(|| starttls_parameters(config)).transpose()?,
            implicit: wanted(&[TlsMode::Implicit]).then(|| implicit_tls(config)).transpose()?,
            connect_timeout: Duration::from_millis(config.connect_timeout_ms),
            command_timeout: Duration::from_millis(config.command_timeout_ms),
            test_sink: config.test_sink,
        })
    }

    /// A session that is ready for its first mail. A relay that refuses a token is dialled once more with another one.
    pub async fn open(&self, deadline: Instant) -> Result<Session, ChannelError> {
        let Some((_, tokens)) = &self.tokens else { return self.open_with(deadline, None).await };
        let token = tokens.token(deadline).await?;
        match self.open_with(deadline, Some(&token)).await {
            Err(error) if error.class == FailureClass::Auth && tokens.refused(&token).await => {
                let token = tokens.token(deadline).await?;
                self.open_with(deadline, Some(&token)).await
            }
            opened => opened,
        }
    }

    async fn open_with(
        &self,
        deadline: Instant,
        token: Option<&SecretString>,
    ) -> Result<Session, ChannelError> {
        let connected_by = deadline.min(Instant::now() + self.connect_timeout);
        let watch = Arc::new(WireWatch::default());
        let dialled = timeout_at(connected_by, self.dial(Arc::clone(&watch)));
        let wire = dialled.await.map_err(|_| transient("connect.timeout"))??;
        watch.set_bytewise(self.starttls.is_some());

        let greeted = AsyncSmtpConnection::connect_with_transport(Box::new(wire), &self.hello);
        let connection = self.step(deadline, SmtpStep::Hello, greeted).await?;
        let mut session = Session::new(connection, watch);
        self.encrypt(&mut session, deadline).await?;
        match token {
            Some(token) => self.log_in_by_token(&mut session, token, deadline).await?,
            None => self.log_in(&mut session, deadline).await?,
        }
        session.pipelines = self.offers_pipelining(&mut session, deadline).await?;
        Ok(session)
    }

    async fn dial(&self, watch: Arc<WireWatch>) -> Result<Wire, ChannelError> {
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let mut addresses = found.map_err(|_| transient("connect.dns"))?.collect::<Vec<_>>();
        if self.test_sink {
            // Checked on what is dialled, not on the name: no DNS answer can lead a test mail out of this machine.
            addresses.retain(|address| address.ip().to_canonical().is_loopback());
            if addresses.is_empty() {
                return Err(ChannelError::not_sent(FailureClass::Config, "mail.test_sink"));
            }
        }
        let (stream, peer) = dial_first(&addresses).await?;
        let Some((tls, name)) = &self.implicit else { return Ok(Wire::clear(stream, peer, watch)) };
        let stream =
            tls.connect(name.clone(), stream).await.map_err(|_| transient("connect.tls"))?;
        Ok(Wire::tls(stream, peer, watch))
    }

    async fn encrypt(&self, session: &mut Session, deadline: Instant) -> Result<(), ChannelError> {
        let Some(parameters) = &self.starttls else { return Ok(()) };
        if session.connection.can_starttls() {
            let upgrade = session.connection.starttls(parameters.clone(), &self.hello);
            self.step(deadline, SmtpStep::Hello, upgrade).await?;
        } else if self.mode == TlsMode::StarttlsRequired {
            return Err(ChannelError::not_sent(FailureClass::Config, "smtp.starttls_missing"));
        }
        session.watch.set_bytewise(false);
        Ok(())
    }

    async fn log_in(&self, session: &mut Session, deadline: Instant) -> Result<(), ChannelError> {
        const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];
        let Some(login) = &self.login else { return Ok(()) };
        if session.connection.server_info().get_auth_mechanism(&MECHANISMS).is_none() {
            return Err(ChannelError::not_sent(FailureClass::Auth, "smtp.auth_missing"));
        }
        let answered = session.connection.auth(&MECHANISMS, login);
        self.step(deadline, SmtpStep::Auth, answered).await.map(|_| ())
    }

    /// A relay that refuses says why in a challenge, and refuses once that is answered with nothing.
    async fn log_in_by_token(
        &self,
        session: &mut Session,
        token: &SecretString,
        deadline: Instant,
    ) -> Result<(), ChannelError> {
        if !session.connection.server_info().supports_auth_mechanism(Mechanism::Xoauth2) {
            return Err(ChannelError::not_sent(FailureClass::Auth, "smtp.auth_missing"));
        }
        let user = self.tokens.as_ref().map(|(user, _)| user.clone()).unwrap_or_default();
        let login = Credentials::new(user, token.expose_secret().to_owned());
        let answered = async {
            let auth = Auth::new(Mechanism::Xoauth2, login, None)?;
            let answer = session.connection.command(auth).await?;
            if answer.has_code(334) { session.connection.command("\r\n").await } else { Ok(answer) }
        };
        self.step(deadline, SmtpStep::Auth, answered).await.map(|_| ())
    }

    /// lettre keeps of the greeting only what it uses itself, so it is asked for once more: one round trip for a
    /// connection that then saves two for each mail. A relay that wants no second EHLO is taken at its word.
    async fn offers_pipelining(
        &self,
        session: &mut Session,
        deadline: Instant,
    ) -> Result<bool, ChannelError> {
        let answer = session.connection.command(Ehlo::new(self.hello.clone()));
        match self.step(deadline, SmtpStep::Hello, answer).await {
            Ok(greeting) => Ok(greeting.message().any(|line| line.trim() == "PIPELINING")),
            Err(error) if error.stage == SendStage::Refused && !is_421(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn step<T>(
        &self,
        deadline: Instant,
        step: SmtpStep,
        answer: impl Future<Output = Result<T, lettre::transport::smtp::Error>>,
    ) -> Result<T, ChannelError> {
        let answered_by = deadline.min(Instant::now() + self.command_timeout);
        match timeout_at(answered_by, answer).await {
            Err(_) => Err(transient("smtp.timeout")),
            Ok(answer) => answer.map_err(|error| refused_or_lost(step, &error)),
        }
    }
}

async fn dial_first(addresses: &[SocketAddr]) -> Result<(TcpStream, SocketAddr), ChannelError> {
    let mut failed = io::ErrorKind::AddrNotAvailable;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // lettre writes the final dot apart: with Nagle's algorithm each mail would wait for a delayed ACK.
                stream.set_nodelay(true).map_err(|error| transient(connect_code(error.kind())))?;
                return Ok((stream, *address));
            }
            Err(error) => failed = error.kind(),
        }
    }
    Err(transient(connect_code(failed)))
}

fn transient(code: &str) -> ChannelError {
    ChannelError::not_sent(FailureClass::Transient, code)
}

fn starttls_parameters(config: &EmailConfig) -> Result<TlsParameters, SetupError> {
    let mut builder = TlsParameters::builder(config.host.clone());
    if let Some(path) = &config.ca_file {
        let certificate =
            Certificate::from_pem(&read_ca(path)?).map_err(|error| unreadable(path, &error))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build().map_err(|error| tls_error(&error))
}

fn implicit_tls(config: &EmailConfig) -> Result<(TlsConnector, ServerName<'static>), SetupError> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = &config.ca_file {
        for certificate in CertificateDer::pem_slice_iter(&read_ca(path)?) {
            let certificate = certificate.map_err(|error| unreadable(path, &error))?;
            roots.add(certificate).map_err(|error| unreadable(path, &error))?;
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| tls_error(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(config.host.clone()).map_err(|error| tls_error(&error))?;
    Ok((TlsConnector::from(Arc::new(client)), name))
}

fn read_ca(path: &Path) -> Result<Vec<u8>, SetupError> {
    std::fs::read(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &dyn std::error::Error) -> SetupError {
    let path = path.display().to_string();
    SetupError::File { key: "mail.ca_file", path, reason: error.to_string() }
}

fn tls_error(error: &dyn std::error::Error) -> SetupError {
    SetupError::Tls { key: "mail.tls", reason: error.to_string() }
}
