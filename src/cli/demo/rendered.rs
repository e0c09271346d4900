use anyhow::{Context, Result};
use reqwest::Method;
use schema::{Position, Sha256};
use serde_json::Value;
use sqlx::Row;

use super::guests::{GROUP, NESTED, RENDERED};
use super::inbox::entry_of;
use super::publishing::FRAMED;
use super::say;
use super::stage::Stage;
use crate::cli::output::{table, text_at};

/// How many deliveries took the frame's file in a format, and how many of them to members of the group as such.
const SERVED: &str = "select count(*), count(*) filter (where payload->>'group' = $3) from events \
     where aggregate_type = 'delivery' and event_type = 'DeliveryScheduled' \
     and payload->>'distribution' = $1 and payload->>'format' = $2";

/// Shows the files that were rendered from the frame: each once, whoever took it, and its bytes are those announced.
pub async fn show(stage: &Stage, distribution: &str) -> Result<bool> {
    let (mut cells, mut holds) = (Vec::new(), true);
    for (who, format) in RENDERED {
        let entry = entry_of(stage, who, FRAMED).await?;
        let file = &entry["files"][0];
        let name = file["name"].as_str().context("an entry without its file")?;
        let path = format!("/v1/inbox/{}/files/{name}", text_at(&entry, "/delivery"));
        let got = stage.client.request(Method::GET, &path).send().await?.error_for_status()?;
        let bytes = got.bytes().await?;
        let digest = Sha256::of(&bytes).to_string();
        let row = sqlx::query(SERVED).bind(distribution).bind(format).bind(GROUP);
        let served: i64 = row.fetch_one(&stage.pool).await?.try_get(0)?;
        let renders = renders(&stage.metrics.render(), format);
        let is_right = file["format"] == format && file["sha256"] == digest.as_str();
        holds &= is_right && renders == 1 && served > 0;
        cells.push(vec![
            name.to_owned(),
            bytes.len().to_string(),
            format!("{}…", &digest[..16]),
            renders.to_string(),
            served.to_string(),
        ]);
    }
    say(&format!("\nRendered from the data frame of {FRAMED}, as each subscription prefers"));
    let header = ["file", "bytes", "SHA-256", "times rendered", "deliveries"];
    say(&table(&header, cells).to_string());
    say(&format!(
        "Each file was rendered once and downloaded again, with the SHA-256 that its inbox entry names: {}",
        if holds { "EQUAL" } else { "NOT EQUAL" }
    ));
    Ok(holds)
}

/// How often a format was rendered, by this process' own metrics.
fn renders(metrics: &str, format: &str) -> u64 {
    let name = format!("waybill_renders_total{{format=\"{format}\",result=\"rendered\"}} ");
    let counts = metrics.lines().filter_map(|line| line.strip_prefix(&name));
    counts.filter_map(|count| count.parse::<u64>().ok()).sum()
}

/// Shows who belongs to the group, and that each member had the report as such.
pub async fn show_group(stage: &Stage, distribution: &str, head: Position) -> Result<bool> {
    let outer = members(stage, GROUP, head).await?;
    let inner = members(stage, NESTED, head).await?;
    let row = sqlx::query(SERVED).bind(distribution).bind("csv").bind(GROUP);
    let by_group: i64 = row.fetch_one(&stage.pool).await?.try_get(1)?;
    let holds = outer == ["analysts", "emil"] && inner == ["carla", "dan"] && by_group == 3;
    say(&format!(
        "\nGroup {GROUP}: {}; {NESTED}: {}. One subscription of the group led to {by_group} deliveries of {FRAMED} \
         that name it: {}",
        outer.join(", "),
        inner.join(", "),
        if holds { "ALL 3 MEMBERS" } else { "NOT ITS 3 MEMBERS" }
    ));
    Ok(holds)
}

async fn members(stage: &Stage, group: &str, head: Position) -> Result<Vec<String>> {
    let path = format!("/v1/groups/{group}/members?at_least_position={head}");
    let told = stage.client.get(&path).await?;
    let rows = told["rows"].as_array().into_iter().flatten();
    let mut members: Vec<String> = rows.map(|row: &Value| text_at(row, "/member")).collect();
    members.sort_unstable();
    Ok(members)
}

#[cfg(test)]
mod tests {
    use super::renders;

    #[test]
    fn renders_are_counted_by_format_and_only_where_they_succeeded() {
        let metrics = "waybill_renders_total{format=\"csv\",result=\"rendered\"} 2\n\
                       waybill_renders_total{format=\"csv\",result=\"render.disk\"} 5\n";
        assert_eq!(renders(metrics, "csv"), 2);
        assert_eq!(renders(metrics, "xlsx"), 0);
    }
}
