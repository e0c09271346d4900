//! From one master key to the next, while the vault is used.

use std::sync::Arc;

use schema::{DeliveryId, RecipientId, Sealed, TenantId};
use secrecy::{ExposeSecret, SecretString};
use sqlx::{Connection, PgConnection};
use store::testing::TestLedger;
use store::{EarlierTokens, UnsealError, Vault, VaultConfig, VaultError};
use tokio::sync::mpsc;

use crate::support::tenant;

const PLACE: &str = "recipient:acme/bob address.work";
const LATER: &str = "bGF0ZXIgbGF0ZXIgbGF0ZXIgbGF0ZXIgbGF0ZXIgMDE=";
const OTHER: &str = "b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgMDE=";

fn subject(number: usize) -> RecipientId {
    RecipientId::try_new(format!("r{number:05}")).unwrap()
}

fn config(test: &TestLedger, key: &str, previous: &[&str]) -> VaultConfig {
    VaultConfig {
        previous_master_keys: previous.iter().map(|key| SecretString::from(*key)).collect(),
        ..VaultConfig::new(test.vault_url.clone(), SecretString::from(key))
    }
}

/// On the key that comes later, with the one before beside it.
async fn rotating(test: &TestLedger) -> Arc<Vault> {
    let before = test.master_key.expose_secret();
    Vault::connect(config(test, LATER, &[before])).await.unwrap()
}

async fn seal(vault: &Vault, numbers: std::ops::Range<usize>) -> Vec<Sealed> {
    let values: Vec<_> =
        numbers.map(|n| (subject(n), PLACE.to_owned(), format!("{n}@example.org"))).collect();
    vault.seal_many(&tenant(), &values).await.unwrap()
}

async fn assert_read(vault: &Vault, first: usize, sealed: &[Sealed]) {
    for (number, value) in (first..).zip(sealed) {
        let clear = vault.unseal(&tenant(), &subject(number), PLACE, value).await.unwrap();
        assert_eq!(clear.expose_secret(), format!("{number}@example.org"));
    }
}

async fn keys(test: &TestLedger) -> PgConnection {
    PgConnection::connect(test.vault_url.expose_secret()).await.unwrap()
}

#[tokio::test]
async fn everything_is_read_under_the_later_key_alone_once_it_is_wrapped_anew() {
    let test = TestLedger::start().await;
    let sealed = seal(&test.vault, 0..1_200).await;
    let secret = SecretString::from("whsec_kept");
    test.vault.keep_secret(&tenant(), "hook", &secret).await.unwrap();
    let tag = test.vault.index_tag(&tenant(), "bob@example.org").await.unwrap();

    let both = rotating(&test).await;
    assert_read(&both, 0, &sealed[..20]).await;
    let state = both.rotation().await.unwrap();
    assert_eq!((state.previous_count, state.left, state.is_proven), (1, 1_202, false));
    let mut told = Vec::new();
    let done = both.rotate_master(EarlierTokens::Kept, |count| told.push(count)).await.unwrap();
    assert_eq!((done, told), (1_202, vec![500, 1_000, 1_200, 1_201, 1_202]));
    assert!(both.rotation().await.unwrap().is_finished());
    assert_eq!(both.rotate_master(EarlierTokens::Kept, |_| ()).await.unwrap(), 0);

    let alone = Vault::connect(config(&test, LATER, &[])).await.unwrap();
    assert_read(&alone, 0, &sealed).await;
    let kept = alone.secret(&tenant(), "hook").await.unwrap().unwrap();
    assert_eq!(kept.expose_secret(), "whsec_kept");
    assert_eq!(alone.index_tag(&tenant(), "bob@example.org").await.unwrap(), tag);
    let before = Vault::connect(config(&test, test.master_key.expose_secret(), &[])).await;
    assert!(matches!(before.err(), Some(VaultError::WrongMasterKey)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_stopped_between_two_batches_goes_on_where_it_was() {
    let test = TestLedger::start().await;
    let sealed = seal(&test.vault, 0..1_500).await;
    let stopped = rotating(&test).await;
    let (told, mut heard) = mpsc::unbounded_channel();
    // The second batch waits for this row, and there it is stopped.
    let mut holder = keys(&test).await;
    let mut open = holder.begin().await.unwrap();
    let hold = "select subject from subject_keys where subject = 'r00700' for update";
    sqlx::query(hold).execute(&mut *open).await.unwrap();
    let running = tokio::spawn(async move {
        let done = stopped.rotate_master(EarlierTokens::Kept, |count| told.send(count).unwrap());
        done.await
    });
    assert_eq!(heard.recv().await, Some(500));
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    open.rollback().await.unwrap();

    // What it asked for last may still have been done: by whole batches, never by half of one.
    let again = rotating(&test).await;
    let left = again.rotation().await.unwrap().left;
    assert!(left == 1_000 || left == 500, "{left}");
    let reader = test_reader(&test).await;
    assert_read(&reader, 0, &sealed).await;
    again.rotate_master(EarlierTokens::Kept, |_| ()).await.unwrap();
    assert!(again.rotation().await.unwrap().is_finished());
    let alone = Vault::connect(config(&test, LATER, &[])).await.unwrap();
    assert_read(&alone, 0, &sealed).await;
}

/// A node that was not started anew yet: on the key before, with the later one beside it.
async fn test_reader(test: &TestLedger) -> Arc<Vault> {
    Vault::connect(config(test, test.master_key.expose_secret(), &[LATER])).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subjects_that_come_in_meanwhile_are_read_under_the_later_key_too() {
    let test = TestLedger::start().await;
    let first = seal(&test.vault, 0..2_000).await;
    let (new, old) = (rotating(&test).await, test_reader(&test).await);
    let sealing = |vault: Arc<Vault>, from: usize| {
        tokio::spawn(async move {
            let mut sealed = Vec::new();
            for number in from..from + 100 {
                sealed.extend(seal(&vault, number..number + 1).await);
            }
            sealed
        })
    };
    let (by_new, by_old) = (sealing(Arc::clone(&new), 2_000), sealing(old, 3_000));
    new.rotate_master(EarlierTokens::Kept, |_| ()).await.unwrap();
    let (by_new, by_old) = (by_new.await.unwrap(), by_old.await.unwrap());
    // The node on the key before may have come after the last look: that is told, and mended by another run.
    let left = new.rotation().await.unwrap().left;
    let done = new.rotate_master(EarlierTokens::Kept, |_| ()).await.unwrap();
    assert_eq!(done, left);
    let alone = Vault::connect(config(&test, LATER, &[])).await.unwrap();
    assert_read(&alone, 0, &first).await;
    assert_read(&alone, 2_000, &by_new).await;
    assert_read(&alone, 3_000, &by_old).await;
}

#[tokio::test]
async fn what_is_erased_stays_erased() {
    let test = TestLedger::start().await;
    let sealed = seal(&test.vault, 0..3).await;
    test.vault.erase(&tenant(), &subject(1)).await.unwrap();
    let both = rotating(&test).await;
    assert_eq!(both.rotate_master(EarlierTokens::Kept, |_| ()).await.unwrap(), 2);
    let alone = Vault::connect(config(&test, LATER, &[])).await.unwrap();
    let read = alone.unseal(&tenant(), &subject(1), PLACE, &sealed[1]).await;
    assert!(matches!(read, Err(UnsealError::Erased)));
}

#[tokio::test]
async fn api_keys_links_and_marks_outlive_the_key_they_were_made_under_unless_that_is_not_wanted() {
    let test = TestLedger::start().await;
    let delivery: DeliveryId = "019f0000-0000-8000-8000-000000000001".parse().unwrap();
    let hash = test.vault.hash_api_secret("wb_secret");
    let link = test.vault.link_token("unsubscribe", &["acme", "bob"]);
    let mark = test.vault.return_mark(delivery);
    let good = |vault: &Vault| {
        let mine = vault.return_mark(delivery);
        assert_eq!(vault.marked_delivery(&mine), Some(delivery));
        [
            vault.verify_api_secret("wb_secret", &hash),
            vault.read_link_token("unsubscribe", &link).is_some(),
            vault.marked_delivery(&mark) == Some(delivery),
        ]
    };
    let both = rotating(&test).await;
    assert_eq!(good(&both), [true; 3]);
    assert_ne!(both.return_mark(delivery), mark);
    both.rotate_master(EarlierTokens::Kept, |_| ()).await.unwrap();
    let alone = Vault::connect(config(&test, LATER, &[])).await.unwrap();
    assert_eq!(good(&alone), [true; 3]);
    assert!(!alone.verify_api_secret("wb_other", &hash));
    // A second rotation takes the keys of both with it.
    let third = Vault::connect(config(&test, OTHER, &[LATER])).await.unwrap();
    third.rotate_master(EarlierTokens::Kept, |_| ()).await.unwrap();
    let alone = Vault::connect(config(&test, OTHER, &[])).await.unwrap();
    assert_eq!(good(&alone), [true; 3]);
    alone.rotate_master(EarlierTokens::Forgotten, |_| ()).await.unwrap();
    let alone = Vault::connect(config(&test, OTHER, &[])).await.unwrap();
    assert_eq!(good(&alone), [false; 3]);
}

#[tokio::test]
async fn a_previous_key_that_is_not_the_one_is_refused_and_the_vault_stays_as_it_is() {
    let test = TestLedger::start().await;
    let connect = |key: &'static str, previous: &'static [&'static str]| {
        Vault::connect(config(&test, key, previous))
    };
    let wrong = connect(LATER, &[OTHER]).await.err();
    assert!(matches!(wrong, Some(VaultError::WrongMasterKey)));
    assert!(matches!(connect(LATER, &["short"]).await.err(), Some(VaultError::PreviousKeyForm)));
    let twice = connect(LATER, &[LATER]).await.err();
    assert!(matches!(twice, Some(VaultError::PreviousKeyRepeated)));

    // One row by a key that nobody configured: named, and the vault goes on being known by the key before.
    seal(&test.vault, 0..2).await;
    let foreign = "update subject_keys set wrapped_by = 'elsewhere', wrapped = '\\x00' where subject = 'r00001'";
    sqlx::query(foreign).execute(&mut keys(&test).await).await.unwrap();
    let both = rotating(&test).await;
    let error = both.rotate_master(EarlierTokens::Kept, |_| ()).await.unwrap_err();
    let told = error.to_string();
    assert!(told.contains("subject acme/r00001") && told.contains("but by elsewhere"), "{told}");
    assert!(!both.rotation().await.unwrap().is_proven);
    // Whoever has the key before alone is told that another one has begun to wrap.
    let before = Vault::connect(config(&test, test.master_key.expose_secret(), &[])).await;
    assert!(matches!(before.err(), Some(VaultError::ForeignKey { .. })));
    test_reader(&test).await;
}

#[tokio::test]
async fn each_tenants_own_key_is_wrapped_anew() {
    let test = TestLedger::start().await;
    let tenants = ["acme", "globex"].map(|name| TenantId::try_new(name).unwrap());
    let mut tags = Vec::new();
    for tenant in &tenants {
        tags.push(test.vault.index_tag(tenant, "x").await.unwrap());
    }
    rotating(&test).await.rotate_master(EarlierTokens::Kept, |_| ()).await.unwrap();
    let alone = Vault::connect(config(&test, LATER, &[])).await.unwrap();
    for (tenant, tag) in tenants.iter().zip(tags) {
        assert_eq!(alone.index_tag(tenant, "x").await.unwrap(), tag);
    }
}
