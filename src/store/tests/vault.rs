//! Keys, and what is sealed under them.

use schema::{DeliveryId, RecipientId, TenantId};
use secrecy::{ExposeSecret, SecretString};
use store::testing::TestLedger;
use store::{UnsealError, Vault, VaultConfig, VaultError};

use crate::support::tenant;

fn bob() -> RecipientId {
    RecipientId::try_new("bob").unwrap()
}

const PLACE: &str = "recipient:acme/bob address.work";

#[tokio::test]
async fn what_was_sealed_is_read_back_in_its_place_only() {
    let test = TestLedger::start().await;
    let sealed = test.vault.seal(&tenant(), &bob(), PLACE, "bob@example.org").await.unwrap();
    assert!(!format!("{sealed:?}").contains("example"));

    let clear = test.vault.unseal(&tenant(), &bob(), PLACE, &sealed).await.unwrap();
    assert_eq!(clear.expose_secret(), "bob@example.org");
    let elsewhere = test.vault.unseal(&tenant(), &bob(), "another place", &sealed).await;
    assert!(matches!(elsewhere, Err(UnsealError::WrongKey)));
    let ann = RecipientId::try_new("ann").unwrap();
    let other = test.vault.unseal(&tenant(), &ann, PLACE, &sealed).await;
    assert!(matches!(other, Err(UnsealError::WrongKey)));
    let globex = TenantId::try_new("globex").unwrap();
    let other = test.vault.unseal(&globex, &bob(), PLACE, &sealed).await;
    assert!(matches!(other, Err(UnsealError::WrongKey)));
}

#[tokio::test]
async fn the_same_value_again_is_known_by_its_tag() {
    let test = TestLedger::start().await;
    let first = test.vault.seal(&tenant(), &bob(), PLACE, "bob@example.org").await.unwrap();
    let again = test.vault.seal(&tenant(), &bob(), PLACE, "bob@example.org").await.unwrap();
    let other = test.vault.seal(&tenant(), &bob(), PLACE, "bob@example.com").await.unwrap();
    assert_eq!(first, again);
    assert_ne!(first.ciphertext, again.ciphertext);
    assert_ne!(first, other);
    let ann = RecipientId::try_new("ann").unwrap();
    let anns = test.vault.seal(&tenant(), &ann, PLACE, "bob@example.org").await.unwrap();
    assert_ne!(first.tag, anns.tag);
}

#[tokio::test]
async fn what_is_erased_is_gone_here_at_once_and_elsewhere_when_the_cache_expires() {
    let test = TestLedger::start().await;
    let config = VaultConfig {
        cache_ttl_s: 0,
        ..VaultConfig::new(test.vault_url.clone(), test.master_key.clone())
    };
    let elsewhere = Vault::connect(config).await.unwrap();
    let sealed = test.vault.seal(&tenant(), &bob(), PLACE, "bob@example.org").await.unwrap();
    elsewhere.unseal(&tenant(), &bob(), PLACE, &sealed).await.unwrap();

    assert_eq!(test.vault.erase(&tenant(), &bob()).await.unwrap(), 1);

    for vault in [&test.vault, &elsewhere] {
        let read = vault.unseal(&tenant(), &bob(), PLACE, &sealed).await;
        assert!(matches!(read, Err(UnsealError::Erased)));
    }
    assert_eq!(test.vault.erase(&tenant(), &bob()).await.unwrap(), 0);
    // Who comes back is someone new.
    let anew = test.vault.seal(&tenant(), &bob(), PLACE, "bob@example.org").await.unwrap();
    assert_ne!(anew, sealed);
    test.vault.unseal(&tenant(), &bob(), PLACE, &anew).await.unwrap();
    let old = test.vault.unseal(&tenant(), &bob(), PLACE, &sealed).await;
    assert!(matches!(old, Err(UnsealError::Erased)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_that_make_a_key_at_once_get_the_same() {
    let test = TestLedger::start().await;
    let config = VaultConfig::new(test.vault_url.clone(), test.master_key.clone());
    let other = Vault::connect(config).await.unwrap();
    for number in 0..20 {
        let subject = RecipientId::try_new(format!("r{number}")).unwrap();
        let acme = tenant();
        let (here, there) = tokio::join!(
            test.vault.seal(&acme, &subject, PLACE, "value"),
            other.seal(&acme, &subject, PLACE, "value"),
        );
        assert_eq!(here.unwrap(), there.unwrap());
    }
}

#[tokio::test]
async fn many_values_are_sealed_and_prefetched_together() {
    let test = TestLedger::start().await;
    let subjects: Vec<RecipientId> =
        (0..12_000).map(|n| RecipientId::try_new(format!("r{n}")).unwrap()).collect();
    let values: Vec<_> = subjects
        .iter()
        .map(|subject| (subject.clone(), PLACE.to_owned(), format!("{subject}@example.org")))
        .collect();
    let sealed = test.vault.seal_many(&tenant(), &values).await.unwrap();
    assert_eq!(sealed.len(), 12_000);

    let config = VaultConfig::new(test.vault_url.clone(), test.master_key.clone());
    let other = Vault::connect(config).await.unwrap();
    other.prefetch(&tenant(), &subjects).await.unwrap();
    other.close().await;
    // Only from memory now.
    let clear = other.unseal(&tenant(), &subjects[11_999], PLACE, &sealed[11_999]).await.unwrap();
    assert_eq!(clear.expose_secret(), "r11999@example.org");
}

#[tokio::test]
async fn another_master_key_is_refused() {
    let test = TestLedger::start().await;
    let connect = |key: &str| {
        Vault::connect(VaultConfig::new(test.vault_url.clone(), SecretString::from(key)))
    };
    let wrong = connect("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").await;
    assert!(matches!(wrong.err(), Some(VaultError::WrongMasterKey)));
    for form in ["", "short", "not base64 at all!!"] {
        assert!(matches!(connect(form).await.err(), Some(VaultError::MasterKeyForm)));
    }
}

#[tokio::test]
async fn tags_and_destinations_are_each_tenants_own() {
    let test = TestLedger::start().await;
    let globex = TenantId::try_new("globex").unwrap();
    let tag = test.vault.index_tag(&tenant(), "bob@example.org").await.unwrap();
    assert_eq!(tag, test.vault.index_tag(&tenant(), "bob@example.org").await.unwrap());
    assert_ne!(tag, test.vault.index_tag(&globex, "bob@example.org").await.unwrap());
    let here = test.vault.destination_key(&tenant(), "example.org:443").await.unwrap();
    let there = test.vault.destination_key(&globex, "example.org:443").await.unwrap();
    assert_ne!(here, there);
    assert!(!here.as_str().contains("example"));
    assert_ne!(
        test.vault.index_tag(&tenant(), "example.org:443").await.unwrap(),
        here.as_str()[1..]
    );
}

#[tokio::test]
async fn the_first_secret_of_a_name_is_kept_and_told_to_all() {
    let test = TestLedger::start().await;
    let secret = |text: &str| SecretString::from(text);
    assert!(test.vault.secret(&tenant(), "webhook").await.unwrap().is_none());
    for fresh in ["one", "two"] {
        let kept = test.vault.keep_secret(&tenant(), "webhook", &secret(fresh)).await.unwrap();
        assert_eq!(kept.expose_secret(), "one");
    }
    let kept = test.vault.secret(&tenant(), "webhook").await.unwrap().unwrap();
    assert_eq!(kept.expose_secret(), "one");
}

#[tokio::test]
async fn a_signature_is_good_for_its_purpose_only() {
    let test = TestLedger::start().await;
    let tag = test.vault.sign("unsubscribe", b"acme/bob");
    assert!(test.vault.verify("unsubscribe", b"acme/bob", &tag));
    assert!(!test.vault.verify("unsubscribe", b"acme/ann", &tag));
    assert!(!test.vault.verify("download", b"acme/bob", &tag));
    assert!(!test.vault.verify("unsubscribe", b"acme/bob", "!"));
    let hash = test.vault.hash_api_secret("wb_secret");
    assert!(test.vault.verify_api_secret("wb_secret", &hash));
    assert!(!test.vault.verify_api_secret("wb_other", &hash));
    assert!(!test.vault.verify_api_secret("", ""));
}

#[tokio::test]
async fn a_mark_of_a_returned_mail_fits_a_local_part_in_any_case_and_cannot_be_forged() {
    let test = TestLedger::start().await;
    let delivery: DeliveryId = "019f0000-0000-8000-8000-000000000001".parse().unwrap();
    let mark = test.vault.return_mark(delivery);
    assert_eq!(mark, test.vault.return_mark(delivery));
    assert_eq!(mark.len(), 40);
    assert!(mark.bytes().all(|c| matches!(c, b'a'..=b'z' | b'2'..=b'7')));
    assert_eq!(test.vault.marked_delivery(&mark), Some(delivery));
    assert_eq!(test.vault.marked_delivery(&mark.to_uppercase()), Some(delivery));
    for at in 0..mark.len() {
        let mut forged = mark.clone().into_bytes();
        forged[at] = if forged[at] == b'a' { b'b' } else { b'a' };
        let forged = String::from_utf8(forged).unwrap();
        assert_eq!(test.vault.marked_delivery(&forged), None, "{at}");
    }
    for odd in ["", "a", &mark[1..], &format!("{mark}a"), &"1".repeat(40)] {
        assert_eq!(test.vault.marked_delivery(odd), None, "{odd}");
    }
}
