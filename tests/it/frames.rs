//! A version with a data frame: each subscriber gets the format it prefers, each is rendered once, and what a frame has
//! wrong is told before anything is taken.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Answer, Api, Hook, Node, Scene, answer, env, mail_of};

const FRAME: &[u8] = b"\xef\xbb\xbfdesk,day,var\n=rates,2026-11-30,-12.5\n\"a,b\",,3\n";
/// The frame as CSV: no byte order mark, CRLF, no formula.
const CSV: &[u8] = b"desk,day,var\r\n'=rates,2026-11-30,-12.5\r\n\"a,b\",,3.0\r\n";

async fn declare(api: &Api) {
    let columns = json!([
        { "name": "desk", "type": "text" },
        { "name": "day", "type": "date", "nullable": true },
        { "name": "var", "type": "decimal" },
    ]);
    let said = json!({ "title": "Market risk", "owner": "risk-desk", "columns": columns });
    api.put("/v1/reports/risk", &said).await.ok();
}

/// A recipient whose subscription prefers one format.
async fn prefers(api: &Api, name: &str, channel: &str, value: &str, format: &str) {
    api.recipient(name, channel, value, "risk").await;
    let subscription = json!({
        "recipient": name,
        "selector": { "report": "risk" },
        "preferences": { "channels": [channel], "formats": [format] },
    });
    api.put(&format!("/v1/subscriptions/{name}"), &subscription).await.ok();
}

async fn offer(api: &Api, version: &str, frame: &[u8]) -> Answer {
    let said = json!({
        "report": "risk",
        "version": version,
        "artifacts": [{ "name": "risk.csv", "format": "csv" }],
        "frame": "risk.csv",
    });
    let said = Part::text(said.to_string()).mime_str("application/json").unwrap();
    let form = Form::new().part("report", said).part("risk.csv", Part::bytes(frame.to_vec()));
    answer(api.request(Method::POST, "/v1/reports").multipart(form)).await
}

async fn publish(api: &Api, version: &str) -> String {
    offer(api, version, FRAME).await.ok()["distribution"].as_str().unwrap().to_owned()
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Renders this node has done, by format; only those that succeeded are there.
async fn renders(node: &Node) -> Vec<(String, f64)> {
    let counts = node.counts().await;
    counts.into_iter().filter(|(name, _)| name.starts_with("waybill_renders_total")).collect()
}

/// Opened by software that is not ours.
fn rows(file: &[u8], reader: &str) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file.xlsx");
    std::fs::write(&path, file).unwrap();
    let ran = Command::new(format!("{}/bin/python", env("VENV")))
        .args(["-c", reader])
        .arg(&path)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).unwrap()
}

const WORKBOOK: &str = "
import json, sys
from openpyxl import load_workbook
sheet = load_workbook(sys.argv[1]).active
print(json.dumps([[[cell.data_type, str(cell.value)] for cell in row] for row in sheet.iter_rows()]))
";

#[tokio::test]
async fn each_format_is_rendered_once_for_all_who_prefer_it_and_again_for_nobody() {
    let (scene, hook) = (Scene::set().await, Hook::start().await);
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    declare(&api).await;
    let address = format!("ada.{}@it.example", uuid::Uuid::new_v4().simple());
    prefers(&api, "ada", "mail", &address, "xlsx").await;
    for format in ["csv", "xlsx", "parquet"] {
        for number in 1..=2 {
            let name = format!("{format}-{number}");
            prefers(&api, &name, "webhook", &hook.url(&format!("/{name}")), format).await;
        }
    }
    api.recipient("plain", "webhook", &hook.url("/plain"), "risk").await;
    let distribution = publish(&api, "v1").await;
    scene.reconciled(&distribution).await;

    let received = hook.received();
    assert_eq!(received.len(), 7);
    let file_of = |name: &str| {
        let one = received.iter().find(|one| one.path == format!("/{name}")).unwrap();
        let said: Value = serde_json::from_slice(&one.body).unwrap();
        let [file] = &said["data"]["artifacts"].as_array().unwrap()[..] else { panic!("{said}") };
        let bytes = STANDARD.decode(file["content_base64"].as_str().unwrap()).unwrap();
        assert_eq!(file["sha256"], hex(&bytes), "{name}");
        (file["name"].as_str().unwrap().to_owned(), bytes)
    };
    for format in ["csv", "xlsx", "parquet"] {
        let first = file_of(&format!("{format}-1"));
        assert_eq!(first, file_of(&format!("{format}-2")));
        assert_eq!(first.0, format!("risk.{format}"));
        let path = format!("/v1/artifacts/{}", hex(&first.1));
        let served = api.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(served.error_for_status().unwrap().bytes().await.unwrap(), first.1);
    }
    assert_eq!(file_of("csv-1").1, CSV);
    assert_eq!(file_of("plain"), ("risk.csv".to_owned(), FRAME.to_vec()), "as it was published");
    let workbook = file_of("xlsx-1").1;
    let expected = json!([
        [["s", "desk"], ["s", "day"], ["s", "var"]],
        [["s", "=rates"], ["d", "2026-11-30 00:00:00"], ["n", "-12.5"]],
        [["s", "a,b"], ["n", "None"], ["n", "3"]],
    ]);
    assert_eq!(rows(&workbook, WORKBOOK), expected);
    let mail = mail_of(&address).await;
    assert_eq!(mail.attachment, workbook);
    assert_eq!(mail.header("X-Waybill-Content-SHA256"), hex(&workbook));

    let once: Vec<_> = ["csv", "parquet", "xlsx"]
        .map(|f| (format!("waybill_renders_total{{format=\"{f}\",result=\"rendered\"}}"), 1.0))
        .to_vec();
    assert_eq!(renders(&node).await, once);
    scene.reconciled(&publish(&api, "v2").await).await;
    assert_eq!(renders(&node).await, once, "the same frame in another version");
    node.terminate().await;
    let node = scene.serve("n2").await;
    scene.reconciled(&publish(&api.at(&node), "v3").await).await;
    assert_eq!(renders(&node).await, [], "after a restart");
    assert_eq!(hook.received().len(), 21);
}

#[tokio::test]
async fn an_inbox_entry_names_the_rendered_file_and_gives_out_its_bytes() {
    let scene = Scene::set().await;
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    declare(&api).await;
    for (name, formats) in [("rendered", json!(["xlsx"])), ("plain", json!([]))] {
        let recipient = format!("ada-{name}");
        let path = format!("/v1/recipients/{recipient}");
        api.put(&path, &json!({ "kind": "person" })).await.ok();
        api.put(&format!("{path}/entitlements/all"), &json!({ "report": "risk" })).await.ok();
        let subscription = json!({
            "recipient": recipient,
            "selector": { "report": "risk" },
            "preferences": { "channels": ["inbox"], "formats": formats },
        });
        api.put(&format!("/v1/subscriptions/{name}"), &subscription).await.ok();
    }
    let distribution = publish(&api, "v1").await;
    scene.reconciled(&distribution).await;
    let plain = &entry(&api, "ada-plain").await["files"];
    assert_eq!(plain[0]["name"], "risk.csv");
    assert_eq!(plain[0]["sha256"], hex(FRAME), "as it was published");

    let entry = entry(&api, "ada-rendered").await;
    let [file] = &entry["files"].as_array().unwrap()[..] else { panic!("{entry}") };
    assert_eq!((&file["name"], &file["format"]), (&json!("risk.xlsx"), &json!("xlsx")));
    let path = format!("/v1/inbox/{}/files", entry["delivery"].as_str().unwrap());
    let got = api.request(Method::GET, &format!("{path}/risk.xlsx")).send().await.unwrap();
    let bytes = got.error_for_status().unwrap().bytes().await.unwrap();
    assert_eq!((&file["sha256"], &file["size_bytes"]), (&json!(hex(&bytes)), &json!(bytes.len())));
    assert_eq!(rows(&bytes, WORKBOOK)[1][0], json!(["s", "=rates"]));
    api.get(&format!("{path}/risk.csv")).await.problem(404, "not_found");

    let query = "{ inbox(recipient: \"ada-rendered\") { edges { node { \
                 files { name format sha256 sizeBytes } } } } }";
    let seen = api.graphql(query, &json!({})).await;
    let listed = json!([{
        "name": "risk.xlsx", "format": "xlsx", "sha256": hex(&bytes), "sizeBytes": bytes.len()
    }]);
    assert_eq!(seen["data"]["inbox"]["edges"][0]["node"]["files"], listed, "{seen}");
}

/// The only entry of an inbox.
async fn entry(api: &Api, recipient: &str) -> Value {
    let at = api.put("/v1/reports/later", &json!({ "title": "Later", "owner": "desk" })).await;
    let at = at.ok()["position"].clone();
    let path = format!("/v1/recipients/{recipient}/inbox?at_least_position={at}");
    let rows = api.get(&path).await.ok()["rows"].take();
    let [entry] = &rows.as_array().unwrap()[..] else { panic!("{rows}") };
    entry.clone()
}

#[tokio::test]
async fn a_frame_that_breaks_a_rule_is_refused_with_its_place_and_nothing_is_taken() {
    let scene = Scene::set().await;
    let key = scene.key().await;
    let node = scene.serve("n1").await;
    let api = Api::of(&node, &key);
    declare(&api).await;
    for (frame, field, value, rule) in [
        (
            b"desk,var,day\n".as_slice(),
            "artifacts[0], line 1, column 2",
            "var",
            "must be \"day\", the declared column",
        ),
        (
            b"desk,day,var\na,2026-11-30,1\nb,30.11.2026,2\n",
            "artifacts[0], line 3, column \"day\"",
            "30.11.2026",
            "must be a day such as 2026-11-30",
        ),
        (b"desk,day,var\n\xfc,,1\n", "artifacts[0], line 2, byte 13", "0xfc", "must be UTF-8"),
        (
            b"desk,day,var\n\"a,,1\n",
            "artifacts[0], line 2, column 1",
            "\"a,,1\n",
            "must end with the quotation mark that it begins with",
        ),
        (b"desk,day,var\na,1\n", "artifacts[0], line 2", "2 values", "must be 3, as in the header"),
    ] {
        let told = offer(&api, "v1", frame).await.problem(422, "invalid");
        assert_eq!((&told["field"], &told["value"]), (&json!(field), &json!(value)), "{told}");
        assert_eq!(told["rule"], rule);
    }
    let sql = "select count(*) from events where event_type = 'ReportReceived' and $1 = ''";
    assert_eq!(scene.count(sql, "").await, 0);

    let said = json!({
        "report": "risk", "version": "v1", "frame": "other.csv",
        "artifacts": [],
    });
    let told = api.post("/v1/reports", &said).await.problem(422, "invalid");
    assert_eq!((&told["field"], &told["value"]), (&json!("frame"), &json!("other.csv")));
}
