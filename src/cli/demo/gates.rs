use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::guests::STAYS;
use super::letter::mail_to;
use super::say;
use super::stage::Stage;
use crate::boot;
use crate::cli::figures;
use crate::cli::output::{table, text_at};

/// Planned deliveries that got through before their deadline and did not come back, from the log alone.
const IN_TIME: &str = "select count(*) from events s \
     where s.aggregate_type = 'delivery' and s.sequence = 1 and not s.payload::jsonb ? 'resend' \
     and exists (select 1 from events e where e.aggregate_type = 'delivery' \
         and e.aggregate_id = s.aggregate_id and e.event_type = 'AttemptEnded' \
         and e.payload->'outcome'->>'kind' = 'succeeded' \
         and e.recorded_at <= (s.payload->>'deadline')::timestamptz) \
     and not exists (select 1 from events b where b.aggregate_type = 'delivery' \
         and b.aggregate_id = s.aggregate_id and b.event_type = 'EvidenceRecorded' \
         and b.payload->'evidence'->>'kind' = 'bounced')";

/// One reader says by the link in her mail that it came on time; then the gates, with what they count.
pub async fn show(stage: &Stage) -> Result<bool> {
    let text = text_at(&mail_to(stage, STAYS).await?, "/text");
    let link = text.split_whitespace().find(|word| word.contains("/t/"));
    let link = link.context("the mail does not ask whether it came on time")?;
    ensure!(link.starts_with(stage.client_url()), "the mail's link leads elsewhere: {link}");
    let http = reqwest::Client::builder().no_proxy().build()?;
    let looked = http.get(link).send().await?.status();
    let said = http.post(link).send().await?.status();
    let head = boot::safe_head(&stage.ledger).await?;
    let told = stage.client.get(&format!("/v1/gates?at_least_position={head}")).await?;
    let gates = told["gates"].as_array().cloned().unwrap_or_default();
    say(&format!(
        "\n{STAYS} says by the link in her mail that it came on time (GET {looked} records nothing, POST {said}). The \
         gates"
    ));
    say(&table(&figures::GATE_HEADER, gates.iter().map(figures::row_of).collect()).to_string());

    let in_time: i64 = sqlx::query_scalar(IN_TIME).fetch_one(stage.ledger.pool()).await?;
    let counted = count(&gates, "success", "/numerator");
    let answered =
        ["/numerator", "/denominator"].map(|at| count(&gates, "satisfaction_answers", at));
    let holds = counted == Some(in_time) && answered == [Some(1), Some(1)];
    say(&format!(
        "By SQL over events {in_time} got through in time, and 1 of 1 said so: {}",
        if holds { "EQUAL" } else { "NOT EQUAL" }
    ));
    Ok(holds)
}

fn count(gates: &[Value], name: &str, path: &str) -> Option<i64> {
    let gate = gates.iter().find(|gate| text_at(gate, "/name") == name)?;
    gate.pointer(path)?.as_i64()
}
