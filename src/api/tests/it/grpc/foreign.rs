use std::path::PathBuf;

use serde_json::{Value, json};
use tokio::process::Command;

use super::world::Server;

#[tokio::test]
async fn a_client_of_another_language_publishes_and_reads() {
    let server = Server::start().await;
    #[expect(clippy::disallowed_methods, reason = "the services' own variable")]
    let python = std::env::var("WAYBILL_TEST_PYTHON").unwrap();
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let address = server.url.strip_prefix("http://").unwrap();
    let ran = Command::new(python)
        .arg(here.join("tests/it/grpc/foreign.py"))
        .arg(here.join("../../schema/proto"))
        .args([address, &server.api.key])
        .output()
        .await
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let told: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!((&told["to"], &told["refused"]), (&json!(["bob"]), &json!("UNAUTHENTICATED")));
    let path = format!("/v1/distributions/{}", told["distribution"].as_str().unwrap());
    let by_rest = server.api.get(&path).await.ok(200);
    assert_eq!(by_rest["attributes"], json!({ "level": 3 }));
    server.stop().await;
}
