use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use sink::{WebhookSink, WebhookSinkConfig};
use tokio_util::sync::CancellationToken;

use crate::support::{Api, OwnServer, Scene, until};

const RECIPIENTS: usize = 3;

/// Publishes one version after the other, each until it is acknowledged.
#[derive(Default)]
struct Publisher {
    acknowledged: AtomicUsize,
    refused: AtomicUsize,
    stop: CancellationToken,
}

impl Publisher {
    /// The distributions that were acknowledged, and how each version is called.
    async fn run(&self, api: &Api) -> Vec<(String, String)> {
        let mut acknowledged = Vec::new();
        while !self.stop.is_cancelled() {
            let version = format!("v{:04}", acknowledged.len());
            let body = json!({ "report": "risk", "version": version });
            let answer = api.post("/v1/reports", &body).await;
            if answer.status == 503 {
                self.refused.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let distribution = answer.ok()["distribution"].as_str().unwrap().to_owned();
            acknowledged.push((version, distribution));
            self.acknowledged.store(acknowledged.len(), Ordering::Relaxed);
        }
        acknowledged
    }

    async fn until_acknowledged(&self, least: usize) {
        until("so many are acknowledged", async || {
            (self.acknowledged.load(Ordering::Relaxed) >= least).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn what_was_acknowledged_outlives_a_crash_of_postgres_and_deliveries_go_on() {
    let server = OwnServer::start("postgres").await;
    let scene = Scene::set_at(server.whereabouts()).await;
    let sink = WebhookSink::start(WebhookSinkConfig::default()).await.unwrap();
    let key = scene.key().await;
    let mut node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    for number in 0..RECIPIENTS {
        let url = sink.url(&format!("/ok/{number}"));
        api.recipient(&format!("r{number}"), "webhook", &url, "risk").await;
    }
    let publisher = Publisher::default();
    let crash = async {
        publisher.until_acknowledged(20).await;
        server.kill().await;
        until("one is refused", async || {
            (publisher.refused.load(Ordering::Relaxed) > 0).then_some(())
        })
        .await;
        let before = publisher.acknowledged.load(Ordering::Relaxed);
        server.start_again().await;
        publisher.until_acknowledged(before + 20).await;
        publisher.stop.cancel();
    };
    let (acknowledged, ()) = futures::join!(publisher.run(&api), crash);
    node.await_ready().await;

    let arrivals = async || {
        for (_, distribution) in &acknowledged {
            scene.reconciled(distribution).await;
        }
        sink.records.all()
    };
    let arrivals = arrivals().await;
    let versions = "select payload->>'version' from events where event_type = 'ReportReceived' \
        and $1 = $1 order by 1";
    let expected: Vec<_> = acknowledged.iter().map(|(version, _)| version.clone()).collect();
    assert_eq!(scene.texts(versions, "").await, expected);
    for (version, distribution) in &acknowledged {
        let told = scene.told(distribution).await;
        assert_eq!(told.len(), RECIPIENTS, "deliveries of {version}");
        for one in told {
            let arrival = &arrivals[&format!("msg_{}", one.delivery.replace('-', ""))];
            assert_eq!(one.succeeded, 1, "{one:?}");
            assert_eq!(one.started, one.ended, "{one:?}");
            assert!(arrival.taken_count == 1 || one.in_doubt > 0, "{one:?} twice, undoubted");
        }
    }
    assert_eq!(arrivals.len(), RECIPIENTS * acknowledged.len(), "the sink knows of others");
    assert_eq!(scene.waybill(&["queue", "check"]).await.code, Some(0));
    assert_eq!(node.terminate().await, Some(0));
}
