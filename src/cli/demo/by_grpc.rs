use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use futures::{StreamExt, stream};
use proto::v1::publish_request::Part;
use proto::v1::reports_client::ReportsClient;
use proto::v1::{Description, Piece, PublishRequest};
use serde_json::Value;
use tonic::Request;
use tonic::transport::Channel;

use super::stage::Stage;

/// Bytes of a file in one message.
const PIECE_BYTES: usize = 64 * 1024;

/// Publishes a report version as a stream, as a service in any language would; its distribution.
pub async fn publish(stage: &Stage, manifest: &Value, files: &[PathBuf]) -> Result<String> {
    let description: Description = serde_json::from_value(manifest.clone())?;
    let mut parts = vec![PublishRequest { part: Some(Part::Description(description)) }];
    for file in files {
        parts.extend(pieces(file)?);
    }
    let channel = Channel::from_shared(stage.client_url().to_owned())?.connect().await?;
    let mut request = Request::new(stream::iter(parts).boxed());
    let bearer = format!("Bearer {}", stage.key).parse()?;
    request.metadata_mut().insert("authorization", bearer);
    let published = ReportsClient::new(channel).publish(request).await;
    Ok(published.context("gRPC did not take the report")?.into_inner().distribution)
}

fn pieces(file: &Path) -> Result<Vec<PublishRequest>> {
    let name = file.file_name().context("a file has a name")?.to_string_lossy().into_owned();
    let content = std::fs::read(file)?;
    let count = content.len().div_ceil(PIECE_BYTES).max(1);
    let piece = |at: usize| {
        let from = at * PIECE_BYTES;
        let bytes = content[from..content.len().min(from + PIECE_BYTES)].to_vec();
        let piece = Piece { name: name.clone(), content: bytes.into(), last: at + 1 == count };
        PublishRequest { part: Some(Part::Piece(piece)) }
    };
    Ok((0..count).map(piece).collect())
}
