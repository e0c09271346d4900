use reqwest::header::HeaderMap;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{Node, http};

/// The public API, with a key.
#[derive(Clone)]
pub struct Api {
    http: reqwest::Client,
    url: String,
    key: String,
}

/// What it answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; JSON where it is.
    pub body: Value,
}

impl Answer {
    /// The body of a success.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.body);
        self.body
    }

    /// The body of a problem (RFC 9457) with this status and code.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.body);
        assert_eq!(self.body["code"], code, "{}", self.body);
        self.body
    }
}

/// Sends a request; whatever comes back.
pub async fn answer(request: RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Answer { status, headers, body }
}

impl Api {
    /// The API of a node.
    pub fn of(node: &Node, key: &str) -> Self {
        Self { http: http(), url: node.url.clone(), key: key.to_owned() }
    }

    /// The same key at another node.
    pub fn at(&self, node: &Node) -> Self {
        Self { url: node.url.clone(), ..self.clone() }
    }

    /// A request with the key.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.key)
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        answer(self.request(Method::PUT, path).json(body)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        answer(self.request(Method::POST, path).json(body)).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    /// Makes a report known.
    pub async fn report(&self, report: &str) {
        let said = json!({ "title": "Market risk", "owner": "risk-desk" });
        self.put(&format!("/v1/reports/{report}"), &said).await.ok();
    }

    /// A recipient with one address, entitled and subscribed to `report`; the answer to its address.
    pub async fn recipient(&self, name: &str, channel: &str, value: &str, report: &str) -> Value {
        let path = format!("/v1/recipients/{name}");
        let profile = json!({ "kind": "person", "name": "Ada Lovelace" });
        self.put(&path, &profile).await.ok();
        let address = json!({ "channel": channel, "value": value });
        let told = self.put(&format!("{path}/addresses/main"), &address).await.ok();
        self.put(&format!("{path}/entitlements/all"), &json!({ "report": report })).await.ok();
        let subscription = json!({
            "recipient": name,
            "selector": { "report": report },
            "preferences": { "channels": [channel] },
        });
        self.put(&format!("/v1/subscriptions/{name}"), &subscription).await.ok();
        told
    }

    /// Publishes a version without files; its distribution.
    pub async fn publish(&self, report: &str, version: &str) -> String {
        let said = self.post("/v1/reports", &json!({ "report": report, "version": version })).await;
        said.ok()["distribution"].as_str().unwrap().to_owned()
    }

    /// Publishes a version with one file; its distribution.
    pub async fn publish_file(&self, report: &str, version: &str, file: &[u8]) -> String {
        let said = self.offer_file(report, version, file).await;
        said.ok()["distribution"].as_str().unwrap().to_owned()
    }

    /// Publishes a version with one file; whatever is answered.
    pub async fn offer_file(&self, report: &str, version: &str, file: &[u8]) -> Answer {
        let said = json!({
            "report": report,
            "version": version,
            "attributes": { "region": "emea" },
            "artifacts": [{ "name": "risk.csv", "format": "csv" }],
        });
        let said = Part::text(said.to_string()).mime_str("application/json").unwrap();
        let file = Part::bytes(file.to_vec()).file_name("risk.csv");
        let form = Form::new().part("report", said).part("risk.csv", file);
        let request = self.request(Method::POST, "/v1/reports").multipart(form);
        answer(request).await
    }

    /// A GraphQL query's whole answer.
    pub async fn graphql(&self, query: &str, variables: &Value) -> Value {
        self.post("/graphql", &json!({ "query": query, "variables": variables })).await.body
    }
}
