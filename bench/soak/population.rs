use anyhow::{Context, Result, bail, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

/// Requests under way while a population is set up.
const IN_FLIGHT: usize = 32;

/// The public API, with a key.
#[derive(Clone)]
pub struct Api {
    http: reqwest::Client,
    url: String,
    key: String,
}

impl Api {
    /// The API of a node.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(url: &str, key: &str) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build()?;
        Ok(Self { http, url: url.to_owned(), key: key.to_owned() })
    }

    /// The same key at another node.
    #[must_use]
    pub fn at(&self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self.clone() }
    }

    /// Sends `body`; the answer's body.
    ///
    /// # Errors
    /// When it is refused, with the problem.
    pub async fn send(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let request = self.http.request(method, format!("{}{path}", self.url));
        let answer = request.bearer_auth(&self.key).json(body).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if !status.is_success() {
            bail!("{path}: {status}: {text}");
        }
        serde_json::from_str(&text).with_context(|| format!("{path}: {text}"))
    }

    /// Publishes a version without files; its distribution.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn publish(&self, report: &str, version: &str) -> Result<String> {
        let body =
            json!({ "report": report, "version": version, "attributes": { "kind": "load" } });
        let answer = self.send(Method::POST, "/v1/reports", &body).await?;
        let distribution = answer["distribution"].as_str().context("no distribution")?;
        Ok(distribution.to_owned())
    }

    /// Publishes a version with one file, as multipart.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn publish_with_file(
        &self,
        report: &str,
        version: &str,
        bytes: Vec<u8>,
    ) -> Result<()> {
        let body = json!({
            "report": report,
            "version": version,
            "attributes": { "kind": "load" },
            "artifacts": [{ "name": "load.csv", "format": "csv" }],
        });
        let description = Part::text(body.to_string()).mime_str("application/json")?;
        let file = Part::bytes(bytes).file_name("load.csv").mime_str("text/csv")?;
        let form = Form::new().part("report", description).part("load.csv", file);
        let request = self.http.post(format!("{}/v1/reports", self.url));
        let answer = request.bearer_auth(&self.key).multipart(form).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{report} {version}: {status}: {text}");
        Ok(())
    }
}

/// Recipients with one address and one subscription each, all to one report.
#[derive(Clone, Debug)]
pub struct Population {
    /// Which report they subscribe to.
    pub report: String,
    /// How many recipients.
    pub size: usize,
    /// Their only channel.
    pub channel: &'static str,
    /// Address of the n-th: `{}` stands for n.
    pub address: String,
}

impl Population {
    /// Sets it up by the public API.
    ///
    /// # Errors
    /// When anything is refused.
    pub async fn settle(&self, api: &Api) -> Result<()> {
        let report = json!({ "title": "Load", "owner": "soak", "deadline_s": 86_400 });
        api.send(Method::PUT, &format!("/v1/reports/{}", self.report), &report).await?;
        stream::iter(0..self.size)
            .map(|n| self.one(api, n))
            .buffer_unordered(IN_FLIGHT)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(())
    }

    async fn one(&self, api: &Api, n: usize) -> Result<()> {
        let recipient = format!("{}-r{n:06}", self.report);
        let path = format!("/v1/recipients/{recipient}");
        let profile = json!({ "kind": "system", "locale": "en", "zone": "UTC" });
        api.send(Method::PUT, &path, &profile).await?;
        let address = json!({
            "channel": self.channel,
            "value": self.address.replace("{}", &n.to_string()),
        });
        api.send(Method::PUT, &format!("{path}/addresses/main"), &address).await?;
        let grant = json!({ "report": self.report });
        api.send(Method::PUT, &format!("{path}/entitlements/all"), &grant).await?;
        let subscription = json!({
            "recipient": recipient,
            "selector": { "report": self.report },
            "preferences": { "channels": [self.channel] },
        });
        api.send(Method::PUT, &format!("/v1/subscriptions/{recipient}"), &subscription).await?;
        Ok(())
    }
}
