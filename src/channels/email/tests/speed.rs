#![expect(clippy::print_stderr, reason = "the figures are for whoever runs it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use super::super::dkim::Signers;
use super::super::message::Composer;
use super::super::template::Templates;
use super::judged::keys;
use super::{EmailChannel, EmailConfig, TlsMode, parcel};
use crate::Channel;
use crate::email::DkimKey;
use crate::testing::fast_sink;

/// Mails for one measurement: many in an optimised build, few in the build that the test suite makes.
const MAILS: usize = if cfg!(debug_assertions) { 300 } else { 40_000 };
/// What even a build without optimisation on a busy machine reaches, in mails/s. The trap it guards is 40 ms for each
/// mail: Nagle's algorithm against delayed ACKs, 25 mails/s on one connection.
const FLOOR: f64 = 100.0;

/// Run it with `--release -- --nocapture` for the figures.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_leaves_faster_than_a_delayed_ack_lets_it() {
    for (pipelining, connections) in [(false, 1), (true, 1), (false, 8), (true, 8)] {
        let sink = fast_sink(pipelining).await;
        let config = EmailConfig {
            host: sink.ip().to_string(),
            port: sink.port(),
            tls: TlsMode::None,
            from_address: "reports@acme.example".to_owned(),
            pool_size: connections,
            test_sink: true,
            ..EmailConfig::default()
        };
        let channel = Arc::new(EmailChannel::try_new(&config).unwrap());
        let size_bytes = channel.send(&parcel()).await.unwrap().content_bytes;
        let left = Arc::new(AtomicUsize::new(MAILS));
        let begun = Instant::now();
        let senders = (0..connections).map(|_| {
            let (channel, left) = (Arc::clone(&channel), Arc::clone(&left));
            tokio::spawn(async move {
                let parcel = parcel();
                while left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
                    channel.send(&parcel).await.unwrap();
                }
            })
        });
        futures::future::join_all(senders.collect::<Vec<_>>()).await;
        let what =
            format!("{connections} connections, {size_bytes} bytes each, pipelining {pipelining}");
        report(&what, begun);
    }
}

#[test]
fn composing_is_a_small_part_of_it() {
    compose("composed only", &[]);
}

#[test]
fn signing_by_either_kind_of_key_stays_affordable() {
    let folder = tempfile::tempdir().unwrap();
    let (keys, _) = keys(folder.path());
    for key in keys {
        compose(&format!("composed and signed by {}", key.selector), &[key]);
    }
}

fn compose(what: &str, keys: &[DkimKey]) {
    let config = EmailConfig { from_address: "reports@acme.example".into(), ..Default::default() };
    let templates = Templates::try_load(None).unwrap();
    let (checked, signers) = (config.checked().unwrap(), Signers::try_load(keys).unwrap());
    let composer = Composer::try_new(&config, &checked, templates, signers).ok().unwrap();
    let (parcel, begun) = (parcel(), Instant::now());
    for _ in 0..MAILS {
        composer.compose(&parcel).ok().unwrap();
    }
    report(what, begun);
}

fn report(what: &str, begun: Instant) {
    let rate = MAILS as f64 / begun.elapsed().as_secs_f64();
    eprintln!("mail: {what}: {rate:.0} mails/s");
    assert!(rate > FLOOR, "{what}: {rate:.0} mails/s");
}
