use std::collections::BTreeSet;

use proto::v1::publish_request::Part;
use proto::v1::{Description, Piece, PublishRequest, PublishResponse};
use schema::Invalid;
use tonic::metadata::MetadataMap;
use tonic::{Response, Status, Streaming};

use super::door::Door;
use super::upload::upload;
use crate::error::ApiError;

/// Takes a version in: files go to the artifact store as they come, then the version is published by their digests.
pub(super) async fn publish(
    door: &Door,
    metadata: &MetadataMap,
    stream: Streaming<PublishRequest>,
) -> Result<Response<PublishResponse>, Status> {
    let mut parts = Parts { stream };
    let mut description = parts.description().await?;
    let mut arrived = BTreeSet::new();
    while let Some(first) = parts.piece().await? {
        let name = first.name.clone();
        let named = description.artifacts.iter_mut().find(|artifact| artifact.name == name);
        let Some(artifact) = named else {
            return Err(wrong("piece.name", &name, "must be named in `artifacts`"));
        };
        if !arrived.insert(name.clone()) {
            return Err(wrong("piece.name", &name, "must not come again after its last piece"));
        }
        let sha256 = upload(door, metadata, &mut parts, first, artifact.sha256.as_deref()).await?;
        artifact.sha256 = Some(sha256);
    }
    door.post("/v1/reports", &description, metadata).await
}

/// The messages of a publication, one after the other.
pub(super) struct Parts {
    stream: Streaming<PublishRequest>,
}

impl Parts {
    async fn description(&mut self) -> Result<Description, Status> {
        match self.next().await? {
            Some(Part::Description(description)) => Ok(description),
            Some(Part::Piece(_)) => {
                Err(wrong("part", "piece", "must be `description` in the first message"))
            }
            None => Err(wrong("part", "", "must be `description` in the first message")),
        }
    }

    /// The next piece; none once the stream has ended as its sender wanted.
    ///
    /// # Errors
    /// What broke the stream, and what must not come behind the description.
    pub(super) async fn piece(&mut self) -> Result<Option<Piece>, Status> {
        match self.next().await? {
            Some(Part::Piece(piece)) => Ok(Some(piece)),
            Some(Part::Description(_)) => {
                Err(wrong("part", "description", "must come once, in the first message"))
            }
            None => Ok(None),
        }
    }

    async fn next(&mut self) -> Result<Option<Part>, Status> {
        match self.stream.message().await? {
            Some(PublishRequest { part: Some(part) }) => Ok(Some(part)),
            Some(PublishRequest { part: None }) => {
                Err(wrong("part", "", "must be `description` or `piece`"))
            }
            None => Ok(None),
        }
    }
}

pub(super) fn wrong(field: &str, value: &str, rule: &str) -> Status {
    ApiError::from(Invalid::new(field, value, rule)).into()
}
