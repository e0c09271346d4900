use std::fs;

use export::{Manifest, mend, verify};

use crate::support::House;

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_lost_or_damaged_are_named_and_written_anew_from_the_log() {
    let mut house = House::start().await;
    let node = house.node("n").await;
    let position = house.go_on(2_500).await;
    house.reached(position).await;
    node.shut_down().await;
    let exported = Manifest::new(house.test.ledger.pool().clone()).read(None).await.unwrap();
    let (lost, damaged) = (&exported.files[0], &exported.files[1]);
    fs::remove_file(house.folder.path().join(&lost.path)).unwrap();
    let path = house.folder.path().join(&damaged.path);
    let mut bytes = fs::read(&path).unwrap();
    bytes[40] ^= 1;
    fs::write(&path, bytes).unwrap();

    let found = verify(&house.test.ledger, &house.config()).await.unwrap();
    assert!(!found.is_exact());
    let named: Vec<_> = found.findings.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(named, [lost.path.as_str(), damaged.path.as_str()]);
    assert!(found.findings[0].problem.contains("No such file"), "{found:?}");
    assert!(found.findings[1].problem.contains("the manifest says"), "{found:?}");

    // An exporter does not go on over a hole: it says so.
    let node = house.node("again").await;
    let waits = house.until(|status| status.trouble.is_some()).await.trouble.unwrap();
    assert!(waits.contains(&lost.path) && waits.contains("waybill export mend"), "{waits}");

    let mended = mend(&house.test.ledger, &house.config()).await.unwrap();
    assert_eq!(mended, [lost.path.clone(), damaged.path.clone()]);
    let found = verify(&house.test.ledger, &house.config()).await.unwrap();
    assert!(found.is_exact(), "{found:?}");
    let position = house.go_on(500).await;
    house.reached(position).await;
    node.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written_makes_the_exporter_wait_and_say_why() {
    let mut house = House::start().await;
    let config = export::ExportConfig { folder: "/dev/full/export".into(), ..house.config() };
    let node = house.node_into("n", &config).await;
    house.go_on(300).await;
    let waits = house.until(|status| status.trouble.is_some()).await.trouble.unwrap();
    assert!(waits.contains("/dev/full/export"), "{waits}");
    node.kill().await;
    let node = house.node("other").await;
    let position = house.go_on(100).await;
    house.reached(position).await;
    node.shut_down().await;
    assert!(verify(&house.test.ledger, &house.config()).await.unwrap().is_exact());
}
