//! `waybill doctor`: looks at each neighbour and each part, and says in sentences what is wrong and what to do.

mod waiting;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use artifacts::ArtifactStore;
use intake::kafka::missing_topics;
use serde_json::{Value, json};
use store::{DoctorFacts, Identity, Ledger, Vault};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::boot;
use crate::cli::output::{Output, print_rows, text_at};
use crate::config::Config;

/// How long a neighbour has to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// A transaction open for longer slows claims from the queue.
const LONG_TRANSACTION_S: f64 = 60.0;

/// Looks at everything; false when something is wrong.
pub async fn run(config: &Config, output: Output) -> Result<bool> {
    let mut findings = Vec::new();
    ledger(config, &mut findings).await;
    findings.push(vault(config).await);
    findings.extend(kafka(config).await);
    findings.push(relay(config).await);
    findings.push(artifacts(config).await);
    let healthy = findings.iter().all(|finding| finding["ok"] == json!(true));
    let rows = findings
        .iter()
        .map(|finding| {
            let verdict = if finding["ok"] == json!(true) { "ok" } else { "WRONG" };
            vec![text_at(finding, "/part"), verdict.to_owned(), text_at(finding, "/says")]
        })
        .collect();
    print_rows(output, &["part", "", "what it says"], rows, &Value::Array(findings.clone()));
    Ok(healthy)
}

fn finding(part: &str, ok: bool, says: impl Into<String>) -> Value {
    json!({ "part": part, "ok": ok, "says": says.into() })
}

async fn ledger(config: &Config, findings: &mut Vec<Value>) {
    let ledger = match boot::open_ledger(config).await {
        Ok(ledger) => ledger,
        Err(error) => {
            let says = format!("{error:#}. Is Postgres up, and was `waybill migrate` run?");
            findings.push(finding("database", false, says));
            return;
        }
    };
    match ledger.doctor().await {
        Ok(facts) => findings.extend(of_facts(&facts)),
        Err(error) => findings.push(finding("database", false, error.to_string())),
    }
    findings.extend(waiting::look(&ledger).await);
    findings.push(match ledger.verify_identity(&boot::identity_file(config)).await {
        Ok(Identity::Same) => finding("log identity", true, "the log is the one we knew"),
        Ok(Identity::Unknown) => finding("log identity", true, "no checkpoint outside yet"),
        Ok(Identity::RestoredBackup { stored, head, .. }) => finding(
            "log identity",
            false,
            format!(
                "the log ends at {head} and does not hold the event we last knew at {}: an older backup was restored, \
                 or this is another database. Nothing is taken in or sent. `waybill recover list` says what is \
                 lacking; `waybill recover import` brings it back from the mirror, `waybill recover accept-loss` goes \
                 on without.",
                stored.position
            ),
        ),
        Err(error) => finding("log identity", false, error.to_string()),
    });
    if config.mirror.enabled {
        findings.push(mirror(&ledger, config).await);
    }
}

/// Whether the mirror knows of events that the ledger does not hold.
async fn mirror(ledger: &Arc<Ledger>, config: &Config) -> Value {
    const PART: &str = "mirror";
    let view = match crate::cli::mirror::view(ledger, config) {
        Ok(view) => view,
        Err(error) => return finding(PART, false, error.to_string()),
    };
    match timeout(PATIENCE, view.ahead()).await {
        Ok(Ok(None)) => finding(PART, true, "the ledger holds the event that was mirrored last"),
        Ok(Ok(Some(known))) => finding(
            PART,
            false,
            format!(
                "it was written up to {known}, and the ledger does not hold that event: an older backup was restored, \
                 or this is another database. `waybill recover list` says more; when the loss was accepted, give \
                 mirror.name another value."
            ),
        ),
        Ok(Err(error)) => finding(PART, false, error.to_string()),
        Err(_) => finding(PART, false, "Kafka does not answer within 3 s. Deliveries go on."),
    }
}

fn of_facts(facts: &DoctorFacts) -> Vec<Value> {
    let mut findings = vec![finding(
        "database",
        true,
        format!("{}; the log ends at position {}", facts.server, facts.head),
    )];
    findings.push(if facts.holders.is_empty() {
        finding("tail", true, "nobody holds it up")
    } else {
        let says = format!("held up by {}. End that transaction.", facts.holders.join("; "));
        finding("tail", false, says)
    });
    if facts.oldest_transaction_s > LONG_TRANSACTION_S {
        let says = format!(
            "a transaction has been open for {:.0} s: claims from the queue grow slow. Find it in pg_stat_activity.",
            facts.oldest_transaction_s
        );
        findings.push(finding("transactions", false, says));
    }
    for checkpoint in &facts.checkpoints {
        let part = format!("follower {}", checkpoint.name);
        let lag = facts.head.0 - checkpoint.position.0;
        findings.push(match checkpoint.poison_position {
            None if checkpoint.trouble.is_some() => {
                let why = checkpoint.trouble.as_deref().unwrap_or_default();
                finding(&part, false, format!("waits, and tries again by itself: {why}"))
            }
            None => finding(&part, true, format!("at {}, {lag} behind", checkpoint.position)),
            Some(_) if checkpoint.is_other_log() => {
                finding(&part, false, checkpoint.poison_error.as_deref().unwrap_or("another log"))
            }
            Some(position) => {
                let why = checkpoint.poison_error.as_deref().unwrap_or("unknown reason");
                let name = &checkpoint.name;
                let says = format!(
                    "stands still at event {position}: {why}. Mend the program, or `waybill projections skip {name} \
                     --position {position} --reason …`."
                );
                finding(&part, false, says)
            }
        });
    }
    findings
}

async fn vault(config: &Config) -> Value {
    const PART: &str = "vault";
    let looked = async { Vault::connect(boot::vault_config(config)).await?.rotation().await };
    match looked.await {
        Ok(state) if state.previous_count == 0 => finding(PART, true, "its keys can be read"),
        Ok(state) if state.is_finished() => finding(
            PART,
            true,
            "its keys can be read, and none needs an earlier master key: once every node has the new one as \
             vault.master_key, vault.previous_master_keys can be emptied",
        ),
        Ok(state) => {
            let left = state.left;
            let says = format!(
                "an earlier master key is still needed, by {left} rows: run `waybill keys rotate-master` (again)"
            );
            finding(PART, false, says)
        }
        Err(error) => finding(PART, false, format!("{error}. Nothing personal can be read.")),
    }
}

async fn kafka(config: &Config) -> Vec<Value> {
    if config.kafka.brokers.is_empty() {
        return vec![finding("kafka", true, "not configured: no intake from Kafka")];
    }
    let asked = config.kafka.clone();
    match tokio::task::spawn_blocking(move || missing_topics(&asked, PATIENCE)).await {
        Ok(Ok(missing)) if missing.is_empty() => {
            vec![finding("kafka", true, "answers, and has every topic")]
        }
        Ok(Ok(missing)) => missing
            .into_iter()
            .map(|topic| {
                let says = format!("topic {topic} does not exist. Create it; Waybill does not.");
                finding("kafka", false, says)
            })
            .collect(),
        Ok(Err(error)) => {
            let says = format!("{error}. REST intake and deliveries go on.");
            vec![finding("kafka", false, says)]
        }
        Err(error) => vec![finding("kafka", false, error.to_string())],
    }
}

async fn relay(config: &Config) -> Value {
    let address = (config.mail.host.as_str(), config.mail.port);
    match timeout(PATIENCE, TcpStream::connect(address)).await {
        Ok(Ok(_)) => finding("mail relay", true, "answers"),
        Ok(Err(error)) => {
            finding("mail relay", false, format!("{error}. Mails are retried until it is back."))
        }
        Err(_) => finding("mail relay", false, "does not answer within 3 s. Mails are retried."),
    }
}

async fn artifacts(config: &Config) -> Value {
    let probed = match ArtifactStore::open(&config.artifacts) {
        Ok(store) => store.probe().await,
        Err(error) => Err(error),
    };
    match probed {
        Ok(()) => finding("artifacts", true, "the directory takes files"),
        Err(error) => finding("artifacts", false, format!("{error}. No file can be taken in.")),
    }
}
