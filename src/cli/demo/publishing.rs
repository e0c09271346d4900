use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use schema::{DistributionId, ReportName, TenantId, VersionName};
use serde_json::{Value, json};

use super::stage::{Stage, TENANT, TOPIC};
use super::{by_grpc, say};
use crate::cli::publish::{format_of, upload};

/// The report whose versions carry a data frame.
pub const FRAMED: &str = "seattle-weather-daily";
/// The reports that come in by Kafka and by gRPC; the others by REST.
const BY_KAFKA: &str = FRAMED;
const BY_GRPC: &str = "us-employment-monthly";
/// How long the broker may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Publishes each report of the data directory; each with its distribution.
pub async fn publish_all(stage: &Stage, data: &Path) -> Result<Vec<(String, String)>> {
    let mut distributions = Vec::new();
    for folder in folders(data)? {
        let (manifest, files) = read(&folder)?;
        let report = manifest["report"].as_str().context("report.json: no report")?.to_owned();
        let (by, distribution) = match report.as_str() {
            BY_KAFKA => ("Kafka", by_kafka(stage, &manifest, &files).await?),
            BY_GRPC => ("gRPC", by_grpc::publish(stage, &manifest, &files).await?),
            _ => ("REST", by_rest(stage, &manifest, &files).await?),
        };
        let names: Vec<_> = manifest["artifacts"].as_array().into_iter().flatten().collect();
        let frame =
            manifest["frame"].as_str().map(|name| format!(", with {name} as its data frame"));
        let frame = frame.unwrap_or_default();
        say(&format!("{report} published by {by}, {} files{frame}: {distribution}", names.len()));
        distributions.push((report, distribution));
    }
    if distributions.is_empty() {
        bail!("{}: no report.json in any folder", data.display());
    }
    Ok(distributions)
}

fn folders(data: &Path) -> Result<Vec<PathBuf>> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(data)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.join("report.json").is_file())
        .collect();
    folders.sort();
    Ok(folders)
}

/// The folder's manifest as the API wants it, and its files.
fn read(folder: &Path) -> Result<(Value, Vec<PathBuf>)> {
    let text = std::fs::read_to_string(folder.join("report.json"))?;
    let described: Value = serde_json::from_str(&text)?;
    let named = described["artifacts"].as_array().cloned().unwrap_or_default();
    let files: Vec<PathBuf> = named
        .iter()
        .filter_map(|artifact| artifact["file"].as_str())
        .map(|name| folder.join(name))
        .collect();
    let artifacts: Vec<Value> = files
        .iter()
        .map(|file| {
            let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
            json!({ "name": name, "format": format_of(file).as_str() })
        })
        .collect();
    let mut manifest = json!({
        "report": described["report"],
        "version": described["version"],
        "attributes": described["attributes"],
        "artifacts": artifacts,
    });
    if let Some(frame) = described["frame"].as_str() {
        manifest["frame"] = json!(frame);
    }
    Ok((manifest, files))
}

async fn by_rest(stage: &Stage, manifest: &Value, files: &[PathBuf]) -> Result<String> {
    let answer = upload(&stage.client, manifest, files).await?;
    Ok(answer["distribution"].as_str().context("no distribution")?.to_owned())
}

async fn by_kafka(stage: &Stage, manifest: &Value, files: &[PathBuf]) -> Result<String> {
    let mut message = manifest.clone();
    for (n, file) in files.iter().enumerate() {
        message["artifacts"][n]["content_base64"] = json!(STANDARD.encode(std::fs::read(file)?));
    }
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", &stage.brokers)
        .set("message.max.bytes", "2000000")
        .create()?;
    let payload = message.to_string();
    let key = manifest["report"].as_str().unwrap_or_default();
    let record = FutureRecord::to(TOPIC).key(key).payload(&payload);
    if let Err((error, _)) = producer.send(record, PATIENCE).await {
        bail!("Kafka did not take the report: {error}");
    }
    // Nobody answers on Kafka, but a distribution's id follows from tenant, report and version.
    let version = manifest["version"].as_str().unwrap_or_default();
    let id = DistributionId::of(
        &TenantId::try_new(TENANT)?,
        &ReportName::try_new(key)?,
        &VersionName::try_new(version)?,
    );
    Ok(id.to_string())
}
