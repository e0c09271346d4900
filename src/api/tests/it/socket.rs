//! Over a real socket, as the world comes in.

use std::time::Duration;

use schema::Sha256;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::support::Api;

struct Server {
    api: Api,
    url: String,
    cancel: CancellationToken,
    running: tokio::task::JoinHandle<std::io::Result<()>>,
}

async fn server() -> Server {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let api = Api::start_with(|config| config.header_timeout_ms = 200).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (cancel, router) = (CancellationToken::new(), api.router.clone());
    let (config, stop) = (api.state.config.clone(), cancel.clone());
    let running =
        tokio::spawn(
            async move { waybill_api::serve(listener, None, router, &config, stop).await },
        );
    Server { api, url, cancel, running }
}

#[tokio::test]
async fn a_report_with_a_file_goes_in_by_multipart_and_its_file_comes_out() {
    let Server { api, url, cancel, running } = server().await;
    api.audience().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let said = json!({
        "report": "risk", "version": "v1", "artifacts": [{ "name": "a.csv", "format": "csv" }]
    });
    let content = "1,2,3\n".repeat(500);
    let form = reqwest::multipart::Form::new()
        .text("report", said.to_string())
        .part("a.csv", reqwest::multipart::Part::text(content.clone()));
    let post = http.post(format!("{url}/v1/reports")).bearer_auth(&api.key).multipart(form);
    let answer = post.send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let told: Value = answer.json().await.unwrap();
    assert_eq!(told["repeated"], false);
    let digest = Sha256::of(content.as_bytes());
    let get = http.get(format!("{url}/v1/artifacts/{digest}")).bearer_auth(&api.key);
    assert_eq!(get.send().await.unwrap().text().await.unwrap(), content);
    cancel.cancel();
    running.await.unwrap().unwrap();
    assert!(http.get(format!("{url}/healthz")).send().await.is_err());
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off() {
    let Server { url, cancel, running, .. } = server().await;
    let mut slow = TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n").await.unwrap();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(10), slow.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection stayed open");
    assert!(!rest.starts_with(b"HTTP/1.1 200"));
    cancel.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_body_that_stops_half_way_takes_nothing() {
    let Server { api, url, cancel, running } = server().await;
    let before = api.event_count().await;
    let mut half = TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap();
    let head = format!(
        "PUT /v1/reports/risk HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{\"title\":",
        api.key
    );
    half.write_all(head.as_bytes()).await.unwrap();
    half.shutdown().await.unwrap();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(10), half.read_to_end(&mut rest)).await;
    assert!(ended.is_ok());
    assert!(!String::from_utf8_lossy(&rest).starts_with("HTTP/1.1 2"));
    assert_eq!(api.event_count().await, before);
    cancel.cancel();
    running.await.unwrap().unwrap();
}
