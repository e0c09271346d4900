//! Who sees personal data, and what is left of it when it is erased.

use schema::events::Scope;
use schema::{RecipientId, TenantId};
use serde_json::json;

use super::world::{REPLY, World, codes};
use crate::support::ACME;

const PERSONAL: &str = "query($d: ID!) {
    recipient(id: \"bob\") { name { erased text } addresses { id value { erased text } } }
    delivery(id: $d) { timeline { type detail reply { erased text } } } }";

#[tokio::test(flavor = "multi_thread")]
async fn personal_data_is_opened_for_audit_alone_and_gone_after_erasure() {
    let world = World::peopled(0).await;
    world.publish("v1").await;
    let id = world.delivery("v1", "bob").await;
    world.given_up(id, "bob").await;
    let variables = json!({ "d": id.to_string() });

    let (_, seen) = world.ask(&world.reader, PERSONAL, variables.clone()).await;
    assert_eq!(codes(&seen), ["FORBIDDEN"; 3]);
    let text = seen.to_string();
    assert!(!text.contains("hooks.example.com") && !text.contains("bob@example.com"), "{text}");
    assert!(!text.contains("Bob"), "{text}");
    let end = &seen["data"]["delivery"]["timeline"][2];
    assert_eq!(end["reply"], json!({ "erased": false, "text": null }));
    assert_eq!(end["detail"]["outcome"]["fault"]["reply"], json!(null));

    let auditor = world.api.key_of(ACME, &[Scope::Read, Scope::Audit]).await;
    let (_, seen) = world.ask(&auditor, PERSONAL, variables.clone()).await;
    assert_eq!(codes(&seen), [""; 0], "{seen}");
    let recipient = &seen["data"]["recipient"];
    assert_eq!(recipient["name"], json!({ "erased": false, "text": "Bob" }));
    assert_eq!(recipient["addresses"][0]["value"]["text"], "https://hooks.example.com/in");
    let end = &seen["data"]["delivery"]["timeline"][2];
    assert_eq!(
        (&end["reply"]["text"], &end["detail"]["outcome"]["fault"]["reply"]),
        (&json!(REPLY), &json!(REPLY))
    );

    let (tenant, bob) = (TenantId::try_new(ACME).unwrap(), RecipientId::try_new("bob").unwrap());
    assert!(world.api.ledger.vault.erase(&tenant, &bob).await.unwrap() > 0);
    let (_, seen) = world.ask(&auditor, PERSONAL, variables).await;
    let gone = json!({ "erased": true, "text": null });
    assert_eq!(codes(&seen), [""; 0], "{seen}");
    assert_eq!(seen["data"]["recipient"]["name"], gone);
    assert_eq!(seen["data"]["recipient"]["addresses"][0]["value"], gone);
    let end = &seen["data"]["delivery"]["timeline"][2];
    assert_eq!(
        (&end["reply"], &end["detail"]["outcome"]["fault"]["reply"]),
        (&gone, &json!({ "erased": true }))
    );
    world.end().await;
}
