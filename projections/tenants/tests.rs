#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use super::Tenants;
use super::queries::{self, ApiKeyRow, PauseRow, TenantRow};
use crate::testing::{Tables, instant};
use crate::tests::history::history;
use crate::{Order, PageRequest};

#[tokio::test]
async fn a_tenant_shows_its_pauses_and_its_keys_without_their_secrets() {
    let mut tables = Tables::start().await;
    tables.fold(&Tenants, &history(), 100).await;
    let pool = tables.test.ledger.pool();

    let acme = TenantRow {
        tenant: "acme".to_owned(),
        title: "Acme".to_owned(),
        created_at: instant(1),
        position: 1,
    };
    assert_eq!(queries::tenant(pool, "acme").await.unwrap(), Some(acme.clone()));
    assert_eq!(queries::tenants(pool).await.unwrap(), vec![acme]);
    assert_eq!(
        queries::pauses(pool, "acme").await.unwrap(),
        vec![PauseRow {
            tenant: "acme".to_owned(),
            scope: "all".to_owned(),
            channel: None,
            destination: None,
            reason: "maintenance".to_owned(),
            paused_by: "key:k1".to_owned(),
            paused_at: instant(2),
            position: 2,
        }]
    );
    let page = PageRequest::first(10).in_order(Order::Ascending);
    let keys = queries::api_keys(pool, "acme", &page).await.unwrap().into_rows();
    let one = ApiKeyRow {
        tenant: "acme".to_owned(),
        api_key: "one".to_owned(),
        title: "one".to_owned(),
        scopes: vec!["publish".to_owned(), "read".to_owned()],
        issued_by: "key:k1".to_owned(),
        issued_at: instant(6),
        expires_at: Some(instant(9_000)),
        revoked_at: None,
        revoke_reason: None,
        position: 6,
        limits: None,
    };
    assert_eq!(keys[0], one);
    assert_eq!(keys[1].revoked_at, Some(instant(8)));
    assert_eq!(queries::count_api_keys(pool, "acme").await.unwrap(), 2);
    let found = queries::api_keys_by_ids(pool, "acme", &["one".to_owned()]).await.unwrap();
    assert_eq!(found, vec![one]);
    let dump = tables.dump(&Tenants).await.join("\n");
    assert!(!dump.contains("never shown"), "a secret's hash is in a read model");
}
