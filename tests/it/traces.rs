//! A report's way as a collector of another make sees it: one trace from the request to the receiver's own span.

use std::path::Path;
use std::process::Stdio;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::support::{Api, Hook, Scene, env, until};

struct Collector {
    _child: Child,
    told: Lines<BufReader<ChildStdout>>,
    port: u16,
}

impl Collector {
    async fn start() -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/collector.py");
        let mut child = Command::new(env("WAYBILL_TEST_PYTHON"))
            .arg(program)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = told.next_line().await.unwrap().expect("a port").parse().unwrap();
        Self { _child: child, told, port }
    }

    /// All spans of a trace, once there are as many.
    async fn spans(&mut self, trace: &str, count: usize) -> Vec<Value> {
        let mut found = Vec::new();
        while found.len() < count {
            let line = self.told.next_line().await.unwrap().expect("the collector ended");
            let span: Value = serde_json::from_str(&line).unwrap();
            if span["trace"] == trace {
                found.push(span);
            }
        }
        found
    }
}

fn named<'s>(spans: &'s [Value], name: &str) -> &'s Value {
    spans.iter().find(|span| span["name"] == name).unwrap()
}

#[tokio::test]
async fn a_report_is_one_trace_from_its_request_to_its_receiver() {
    let mut collector = Collector::start().await;
    let scene = Scene::set()
        .await
        .with("traces.otlp_endpoint", format!("http://127.0.0.1:{}", collector.port))
        .with("log.level", "error");
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    let hook = Hook::start().await;
    api.report("risk").await;
    api.recipient("desk", "webhook", &hook.url("/in"), "risk").await;

    let (trace, caller) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let publish = api
        .request(Method::POST, "/v1/reports")
        .header("traceparent", format!("00-{trace}-{caller}-01"))
        .json(&json!({ "report": "risk", "version": "v1" }));
    assert_eq!(publish.send().await.unwrap().status(), 201);
    let received = until("it arrived", async || hook.received().into_iter().next()).await;
    let seen = received.headers["traceparent"].to_str().unwrap().to_owned();
    node.terminate().await;

    let spans = collector.spans(trace, 3).await;
    let (request, receive, attempt) =
        (named(&spans, "request"), named(&spans, "receive"), named(&spans, "attempt"));
    assert_eq!((&request["service"], &request["node"]), (&json!("waybill"), &json!("n1")));
    assert_eq!(request["parent"], caller);
    assert_eq!(receive["parent"], request["span"]);
    assert_eq!(attempt["parent"], caller);
    assert_eq!(seen, format!("00-{trace}-{}-01", attempt["span"].as_str().unwrap()));
    let fields = &attempt["fields"];
    assert_eq!((&fields["channel"], &fields["result"]), (&json!("webhook"), &json!("succeeded")));
    assert_eq!(request["fields"]["http.route"], "/v1/reports");
    assert_eq!(request["fields"]["http.status"], 201);
    assert!(spans.iter().all(|span| span["took_ns"].as_i64().unwrap() > 0));
    assert!(!spans.iter().any(|span| span.to_string().contains("/in")), "an address is told");
}
