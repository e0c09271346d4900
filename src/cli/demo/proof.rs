use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result};
use serde_json::Value;
use sqlx::Row;

use super::say;
use super::stage::Stage;

/// Each delivery with what the ledger says was taken, refused and in doubt.
const DELIVERIES: &str = "select s.aggregate_id, s.payload->>'channel', \
     count(*) filter (where e.payload->'outcome'->>'kind' = 'succeeded'), \
     count(*) filter (where e.payload->'outcome'->>'kind' = 'failed' \
     and e.payload->'outcome'->'fault'->>'code' like 'http.%'), \
     count(*) filter (where e.payload->'outcome'->>'kind' = 'in_doubt') \
     from events s left join events e on e.aggregate_type = 'delivery' \
     and e.aggregate_id = s.aggregate_id and e.event_type = 'AttemptEnded' \
     where s.aggregate_type = 'delivery' and s.event_type = 'DeliveryScheduled' \
     and s.payload->>'distribution' = any($1) group by 1, 2";

/// Considered, planned, not planned, scheduled and recorded outcomes of each distribution.
const SUMS: &str = "select d.aggregate_id, \
     sum((d.payload->>'considered')::bigint)::bigint, sum((d.payload->>'planned')::bigint)::bigint, \
     coalesce(sum((select sum(value::bigint) from json_each_text(d.payload->'not_planned'))), 0)::bigint, \
     (select count(*) from events s where s.aggregate_type = 'delivery' \
     and s.event_type = 'DeliveryScheduled' and s.payload->>'distribution' = d.aggregate_id), \
     (select sum(value::bigint)::bigint from events r, json_each_text(r.payload->'outcomes') \
     where r.aggregate_type = 'distribution' and r.aggregate_id = d.aggregate_id \
     and r.event_type = 'DistributionReconciled') \
     from events d where d.aggregate_type = 'distribution' and d.event_type = 'SlicePlanned' \
     and d.aggregate_id = any($1) group by 1";

/// What the ledger says of one delivery.
struct Told {
    channel: String,
    succeeded: i64,
    refused: i64,
    in_doubt: i64,
}

/// What the sinks themselves hold, by delivery.
#[derive(Default)]
struct Sinks {
    /// How many mails.
    mails: HashMap<String, i64>,
    /// How many webhooks were taken and how many refused; ids here have no hyphens.
    hooks: HashMap<String, (i64, i64)>,
}

/// Compares the sinks' own records with plain SQL over `events`, and says what came out.
pub async fn prove(stage: &Stage, distributions: &[String]) -> Result<bool> {
    let sums = sums_close(stage, distributions).await?;
    let told = told(stage, distributions).await?;
    let sinks = Sinks { mails: mails(stage).await?, hooks: hooks(stage) };
    let wrong = disagreements(&told, &sinks);
    for line in wrong.iter().take(10) {
        say(line);
    }
    let mails: i64 = sinks.mails.values().sum();
    let (taken, refused) =
        sinks.hooks.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let agree = wrong.is_empty() && mails > 0 && taken > 0;
    say(&format!(
        "Proof: {} deliveries by SQL over events, {} of them into inboxes, which have no other record; the sinks hold \
         {mails} mails, {taken} webhooks taken, {refused} refused: {}",
        told.len(),
        told.len() - leave(&told).count(),
        if agree { "EQUAL" } else { "NOT EQUAL" }
    ));
    Ok(agree && sums)
}

/// Deliveries that leave the ledger: what is in an inbox is there alone.
fn leave(told: &HashMap<String, Told>) -> impl Iterator<Item = (&String, &Told)> {
    told.iter().filter(|(_, told)| told.channel != "inbox")
}

/// Where ledger and sinks do not say the same: in numbers, or because one knows a delivery the other does not.
fn disagreements(told: &HashMap<String, Told>, sinks: &Sinks) -> Vec<String> {
    let mut wrong = Vec::new();
    let (mut to_mail, mut to_hook) = (HashSet::new(), HashSet::new());
    for (id, told) in leave(told) {
        let (taken, refused) = if told.channel == "mail" {
            to_mail.insert(id.clone());
            (sinks.mails.get(id).copied().unwrap_or(0), told.refused)
        } else {
            let hook = id.replace('-', "");
            let counts = sinks.hooks.get(&hook).copied().unwrap_or((0, 0));
            to_hook.insert(hook);
            counts
        };
        let most = told.succeeded + told.in_doubt;
        if taken < told.succeeded || taken > most || refused != told.refused {
            wrong.push(format!(
                "{id}: the ledger says {} taken, {} refused, {} in doubt; the sink {taken} and {refused}",
                told.succeeded, told.refused, told.in_doubt
            ));
        }
    }
    let strange_mails = sinks.mails.keys().filter(|id| !to_mail.contains(*id));
    wrong.extend(strange_mails.map(|id| format!("{id:?}: a mail the ledger knows nothing of")));
    let strange_hooks = sinks.hooks.keys().filter(|id| !to_hook.contains(*id));
    wrong.extend(strange_hooks.map(|id| format!("{id:?}: a webhook the ledger knows nothing of")));
    wrong
}

async fn sums_close(stage: &Stage, distributions: &[String]) -> Result<bool> {
    let rows = sqlx::query(SUMS).bind(distributions).fetch_all(&stage.pool).await?;
    let mut close = rows.len() == distributions.len();
    for row in rows {
        let id: String = row.try_get(0)?;
        let [considered, planned, not_planned, scheduled] =
            [row.try_get(1)?, row.try_get(2)?, row.try_get(3)?, row.try_get::<i64, _>(4)?];
        let outcomes = row.try_get::<Option<i64>, _>(5)?;
        let closes = considered == planned + not_planned
            && planned == scheduled
            && outcomes == Some(planned);
        close &= closes;
        say(&format!(
            "Sums of {id}: considered {considered} = planned {planned} + not planned {not_planned}; outcomes {}: {}",
            outcomes.map_or_else(|| "open".to_owned(), |sum| sum.to_string()),
            if closes { "closed" } else { "DO NOT CLOSE" }
        ));
    }
    Ok(close)
}

async fn told(stage: &Stage, distributions: &[String]) -> Result<HashMap<String, Told>> {
    let rows = sqlx::query(DELIVERIES).bind(distributions).fetch_all(&stage.pool).await?;
    rows.into_iter()
        .map(|row| {
            let told = Told {
                channel: row.try_get(1)?,
                succeeded: row.try_get(2)?,
                refused: row.try_get(3)?,
                in_doubt: row.try_get(4)?,
            };
            Ok((row.try_get(0)?, told))
        })
        .collect()
}

/// Mails the sink holds, by delivery: its Message-ID's local part.
async fn mails(stage: &Stage) -> Result<HashMap<String, i64>> {
    let url = format!("{}/api/email", stage.mail_url);
    let http = reqwest::Client::builder().no_proxy().build()?;
    let all: Value = http.get(url).send().await?.json().await.context("the mail sink's list")?;
    let mut mails = HashMap::new();
    for mail in all.as_array().into_iter().flatten() {
        let id = mail["headers"]["message-id"].as_str().unwrap_or_default();
        let delivery = id.trim_start_matches('<').split('@').next().unwrap_or_default();
        *mails.entry(delivery.to_owned()).or_insert(0) += 1;
    }
    Ok(mails)
}

/// Webhooks the sinks took and refused, by delivery (`msg_` and the id without hyphens).
fn hooks(stage: &Stage) -> HashMap<String, (i64, i64)> {
    let mut hooks = HashMap::new();
    for sink in [&stage.good, &stage.sick, &stage.broken] {
        for (id, arrival) in sink.records.all() {
            let delivery = id.trim_start_matches("msg_").to_owned();
            let entry = hooks.entry(delivery).or_insert((0, 0));
            entry.0 += i64::from(arrival.taken_count);
            entry.1 += i64::from(arrival.refused_count);
        }
    }
    hooks
}

#[cfg(test)]
mod tests {
    use super::{HashMap, Sinks, Told, disagreements};

    const DELIVERY: &str = "018f-aa";

    fn told(channel: &str) -> HashMap<String, Told> {
        let told = Told { channel: channel.to_owned(), succeeded: 1, refused: 0, in_doubt: 0 };
        HashMap::from([(DELIVERY.to_owned(), told)])
    }

    fn hooks(ids: &[&str]) -> Sinks {
        let hooks = ids.iter().map(|id| ((*id).to_owned(), (1, 0))).collect();
        Sinks { hooks, ..Sinks::default() }
    }

    fn mails(ids: &[&str]) -> Sinks {
        let mails = ids.iter().map(|id| ((*id).to_owned(), 1)).collect();
        Sinks { mails, ..Sinks::default() }
    }

    #[test]
    fn what_both_know_agrees() {
        assert!(disagreements(&told("webhook"), &hooks(&["018faa"])).is_empty());
        assert!(disagreements(&told("mail"), &mails(&[DELIVERY])).is_empty());
    }

    #[test]
    fn a_webhook_the_ledger_does_not_know_is_a_disagreement() {
        let wrong = disagreements(&told("webhook"), &hooks(&["018faa", "018fbb"]));
        assert_eq!(wrong, ["\"018fbb\": a webhook the ledger knows nothing of"]);
        let wrong = disagreements(&told("mail"), &hooks(&["018faa"]));
        assert_eq!(wrong.len(), 2, "not taken as a mail, and strange as a webhook: {wrong:?}");
    }

    #[test]
    fn a_mail_the_ledger_does_not_know_is_a_disagreement() {
        let wrong = disagreements(&told("mail"), &mails(&[DELIVERY, "018f-bb"]));
        assert_eq!(wrong, ["\"018f-bb\": a mail the ledger knows nothing of"]);
    }

    #[test]
    fn an_inbox_needs_no_sink_and_a_webhook_of_its_delivery_is_a_disagreement() {
        assert!(disagreements(&told("inbox"), &Sinks::default()).is_empty());
        let wrong = disagreements(&told("inbox"), &hooks(&["018faa"]));
        assert_eq!(wrong, ["\"018faa\": a webhook the ledger knows nothing of"]);
    }

    #[test]
    fn what_never_arrived_is_a_disagreement() {
        assert_eq!(disagreements(&told("webhook"), &Sinks::default()).len(), 1);
    }
}
