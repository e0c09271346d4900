//! Who else works on the database.

use std::time::Duration;

use store::testing::TestLedger;

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn nodes_see_each_other_until_one_leaves_or_falls_silent() {
    let test = TestLedger::start().await;
    assert_eq!(test.ledger.see_nodes("a", LONG).await.unwrap(), 0);
    assert_eq!(test.ledger.see_nodes("b", LONG).await.unwrap(), 1);
    assert_eq!(test.ledger.see_nodes("c", LONG).await.unwrap(), 2);
    test.ledger.leave_nodes("a").await.unwrap();
    assert_eq!(test.ledger.see_nodes("b", LONG).await.unwrap(), 1);
    assert_eq!(test.ledger.see_nodes("b", Duration::ZERO).await.unwrap(), 0);
    // Who was forgotten comes back by being there.
    assert_eq!(test.ledger.see_nodes("c", LONG).await.unwrap(), 1);
}
