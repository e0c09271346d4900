use export::{Manifest, verify};
use schema::Position;

use crate::support::{House, files};

#[tokio::test(flavor = "multi_thread")]
async fn an_exporter_killed_at_any_time_leaves_each_event_in_one_file_and_the_same_files() {
    let mut house = House::start().await;
    let mut position = Position::START;
    for turn in 0..8 {
        let node = house.node(&format!("n{turn}")).await;
        position = house.go_on(430).await;
        if turn % 3 == 2 {
            house.reached(position).await;
            node.shut_down().await;
        } else {
            // Somewhere in the middle of it.
            tokio::time::sleep(std::time::Duration::from_millis(37 * (turn + 1))).await;
            node.kill().await;
        }
    }
    let node = house.node("last").await;
    house.reached(position).await;
    node.shut_down().await;

    let found = verify(&house.test.ledger, &house.config()).await.unwrap();
    assert_eq!(found.findings, vec![]);
    assert_eq!(found.events, found.logged);
    assert_eq!(found.logged, 3_400, "34 whole blocks; the rest is not a block yet");

    // Another exporter, never killed, from the same log: the same files of the same bytes.
    let exported = Manifest::new(house.test.ledger.pool().clone()).read(None).await.unwrap();
    let kept = files(house.folder.path());
    house.start_anew().await;
    let anew = tempfile::tempdir().unwrap();
    let config = export::ExportConfig { folder: anew.path().to_owned(), ..house.config() };
    let node = house.node_into("anew", &config).await;
    house.reached(position).await;
    node.shut_down().await;
    let other = files(anew.path());
    for file in &exported.files {
        assert_eq!(kept[&file.path], file.written.sha256, "{}", file.path);
        assert_eq!(other.get(&file.path), Some(&file.written.sha256), "{}", file.path);
    }
    assert!(exported.files.iter().any(|file| file.level > 0), "some were joined");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_exporters_one_works_and_the_other_takes_over() {
    let mut house = House::start().await;
    let (one, two) = (house.node("one").await, house.node("two").await);
    let position = house.go_on(1_000).await;
    house.reached(position).await;
    one.kill().await;
    let position = house.go_on(1_000).await;
    house.reached(position).await;
    two.shut_down().await;
    let found = verify(&house.test.ledger, &house.config()).await.unwrap();
    assert!(found.is_exact(), "{found:?}");
}
