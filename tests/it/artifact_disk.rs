use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{Api, Node, Scene, Topics, Whereabouts, answer, files, report_message, until};

/// The disk of the artifacts.
const DISK_KIB: u32 = 1_024;
/// What lies on it before the test begins.
const BALLAST_BYTES: usize = 600 * 1024;
/// A file there is no room for beside the ballast, and room without.
const FILE_BYTES: usize = 500_000;

const EVENTS: &str = "select count(*) from events where $1 = $1";

/// What lies in the artifact directory as the node sees it: of the tenant, and unfinished.
fn kept_and_unfinished(scene: &Scene, node: &Node) -> (usize, usize) {
    let directory = node.seen(scene.setting("artifacts.dir"));
    let below = |name: &str| {
        let directory = directory.join(name);
        if directory.exists() { files(&directory).len() } else { 0 }
    };
    (below("acme"), below(".incoming"))
}

#[track_caller]
fn assert_full(problem: &Value) {
    assert_eq!(problem["detail"], "the artifact disk is full; nothing was kept", "{problem}");
}

#[tokio::test]
async fn on_a_full_artifact_disk_a_file_is_refused_and_a_message_waits_until_there_is_room() {
    let topics = Topics::make(&Whereabouts::default(), 1).await;
    let scene = topics.read_by(Scene::set().await);
    let key = scene.key().await;
    let node = scene.serve_on_small_disk("n1", DISK_KIB).await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    let ballast = node.seen(scene.setting("artifacts.dir")).join("ballast");
    std::fs::write(&ballast, vec![7; BALLAST_BYTES]).unwrap();
    let before = scene.count(EVENTS, "").await;
    let file = vec![b'x'; FILE_BYTES];

    let problem = api.offer_file("risk", "v1", &file).await.problem(507, "storage_full");
    assert_full(&problem);
    assert_eq!(problem["field"], "risk.csv", "{problem}");
    let upload = api.request(Method::POST, "/v1/artifacts").body(file.clone());
    assert_full(&answer(upload).await.problem(507, "storage_full"));
    assert_eq!(kept_and_unfinished(&scene, &node), (0, 0));
    assert_eq!(scene.count(EVENTS, "").await, before, "something was half done");

    topics.send("k", &report_message("v2", Some(&file))).await;
    until("the message is said to wait for room", async || {
        let part = node.part("kafka intake").await?;
        part.to_string().contains("the artifact disk is full").then_some(())
    })
    .await;
    assert_eq!((topics.rejected_count().await, topics.committed().await), (0, 0));
    assert_eq!(kept_and_unfinished(&scene, &node), (0, 0));
    assert_eq!(scene.count(EVENTS, "").await, before, "something was half done");
    scene.reconciled(&api.publish("risk", "v3").await).await;

    std::fs::remove_file(ballast).unwrap();
    until("the message is taken", async || (topics.committed().await == 1).then_some(())).await;
    let first = api.publish_file("risk", "v1", &file).await;
    scene.reconciled(&first).await;
    let versions = "select payload->>'version' from events where event_type = 'ReportReceived' \
        and $1 = $1 order by 1";
    assert_eq!(scene.texts(versions, "").await, ["v1", "v2", "v3"]);
    assert_eq!(topics.rejected_count().await, 0);
    assert_eq!(kept_and_unfinished(&scene, &node), (1, 0), "the same file is kept once");
    assert_eq!(node.terminate().await, Some(0));
    topics.remove().await;
}

/// The beginning of an upload of 10 MB: the head, what leads to the file, and a megabyte of it.
fn beginning(path: &str, key: &str, lead: &str) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: waybill\r\nauthorization: Bearer {key}\r\n\
         content-type: multipart/form-data; boundary=cut\r\ncontent-length: 10000000\r\n\r\n{lead}"
    );
    [head.into_bytes(), vec![b'x'; 1_000_000]].concat()
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing_on_disk_and_nothing_in_the_ledger() {
    let scene = Scene::set().await;
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    api.report("risk").await;
    let before = scene.count(EVENTS, "").await;
    let artifacts = json!([{ "name": "a.csv", "format": "csv" }]);
    let said = json!({ "report": "risk", "version": "v1", "artifacts": artifacts });
    let lead = format!(
        "--cut\r\ncontent-disposition: form-data; name=\"report\"\r\n\r\n{said}\r\n\
         --cut\r\ncontent-disposition: form-data; name=\"a.csv\"\r\n\r\n"
    );
    for (path, lead) in [("/v1/reports", lead.as_str()), ("/v1/artifacts", "")] {
        let address = node.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&beginning(path, &key, lead)).await.unwrap();
        until("a part of it is on disk", async || {
            (kept_and_unfinished(&scene, &node) == (0, 1)).then_some(())
        })
        .await;
        drop(stream);
        until("it is gone", async || (kept_and_unfinished(&scene, &node) == (0, 0)).then_some(()))
            .await;
    }
    assert_eq!(scene.count(EVENTS, "").await, before, "something was half done");
    api.publish_file("risk", "v1", b"1,2").await;
    assert_eq!(kept_and_unfinished(&scene, &node), (1, 0));
    assert_eq!(node.terminate().await, Some(0));
}
