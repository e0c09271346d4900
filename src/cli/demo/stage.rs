use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use intake::TopicConfig;
use metrics_exporter_prometheus::PrometheusHandle;
use schema::RetrySchedule;
use secrecy::ExposeSecret;
use sink::{WebhookSink, WebhookSinkConfig};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use store::Ledger;

use crate::boot::{self, Running};
use crate::cli::client::{Client, ClientArgs};
use crate::cli::{keys, migrate};
use crate::config::{Config, LogFormat};
use crate::telemetry;

/// The demo's tenant.
pub const TENANT: &str = "demo";
/// The topic its reports come in by.
pub const TOPIC: &str = "reports.ready";

/// So few that the demo's log makes several files.
const BLOCK_EVENTS: u32 = 1_000;

/// Retries at a newcomer's pace instead of a network's.
const QUICK: RetrySchedule = RetrySchedule {
    base_ms: 400,
    cap_ms: 1_500,
    attempt_limit: 8,
    retry_after_cap_ms: 2_000,
    doubt_limit: 8,
};

/// All that the demo stands on: a running Waybill, its sinks, a client with a key.
pub struct Stage {
    /// The public API, with a key for the demo's tenant.
    pub client: Client,
    /// Takes every webhook.
    pub good: WebhookSink,
    /// Takes none for the first seconds.
    pub sick: WebhookSink,
    /// Takes none, ever.
    pub broken: WebhookSink,
    /// Plain SQL on the ledger, for the proof.
    pub pool: PgPool,
    /// The ledger, for what is compared with it.
    pub ledger: Arc<Ledger>,
    /// How everything runs.
    pub config: Config,
    /// The mail sink's web page and API.
    pub mail_url: String,
    /// Kafka, as the demo's publisher sees it.
    pub brokers: String,
    /// The key, to paste.
    pub key: String,
    /// This process' own metrics.
    pub metrics: PrometheusHandle,
    url: String,
    running: Running,
}

impl Stage {
    /// Starts everything.
    pub async fn set(file: Option<&Path>, mail_url: String) -> Result<Self> {
        let config = adapt(Config::load(file)?)?;
        telemetry::start_logs(&config.log, None)?;
        let metrics = telemetry::start_metrics()?;
        migrate::migrate(&config).await?;
        let sink = WebhookSinkConfig::default();
        let good = WebhookSink::start(sink).await?;
        let sick = WebhookSink::start(sink).await?;
        let broken = WebhookSink::start(sink).await?;

        let brokers = config.kafka.brokers.clone();
        intake::kafka::ensure_topics(&config.kafka, 3).await?;
        let pool = PgPoolOptions::new()
            .max_connections(2)
            .connect(config.database.url.expose_secret())
            .await?;
        let key = keys::first_key(&config, TENANT, "Demo").await?;
        let ledger = boot::open_ledger(&config).await?;
        let running = boot::start(config.clone(), metrics.clone()).await?;
        let url = format!("http://{}", running.address);
        let client = Client::new(&ClientArgs { url: url.clone(), key: Some(key.clone()) })?;
        Ok(Self {
            client,
            good,
            sick,
            broken,
            pool,
            ledger,
            config,
            mail_url,
            brokers,
            key,
            metrics,
            url,
            running,
        })
    }

    /// Where the API is.
    pub fn client_url(&self) -> &str {
        &self.url
    }

    /// The node's name in events.
    pub fn node(&self) -> &str {
        &self.running.node
    }

    /// Stops; true when nothing was left in doubt.
    pub async fn leave(self) -> Result<bool> {
        self.running.stop().await
    }
}

fn adapt(mut config: Config) -> Result<Config> {
    // The links in mails lead here, so the port must be known before the first one is sent.
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    config.api.bind = address.to_string();
    config.api.public_url = format!("http://{address}");
    config.mail.bounce_domain = Some("returns.demo.example".to_owned());
    config.mail.test_sink = true;
    config.mail.tls = channels::email::TlsMode::None;
    config.mail.from_address = "reports@demo.example".to_owned();
    config.mail.from_name = "Waybill demo".to_owned();
    config.webhook.allow_http = true;
    config.webhook.allow = vec!["127.0.0.1/32".to_owned()];
    config.kafka.topics = vec![TopicConfig { topic: TOPIC.to_owned(), tenant: tenant() }];
    config.mirror.enabled = true;
    config.export.enabled = true;
    config.export.block_events = BLOCK_EVENTS;
    config.retry.mail = RetrySchedule { doubt_limit: 1, ..QUICK };
    config.retry.webhook = QUICK;
    config.log.format = LogFormat::Text;
    config.log.level = "error".to_owned();
    Ok(config)
}

#[expect(clippy::expect_used, reason = "a constant name is well-formed")]
fn tenant() -> schema::TenantId {
    schema::TenantId::try_new(TENANT).expect("a well-formed name")
}
