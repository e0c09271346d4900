use std::io;

use axum::body::{Body, Bytes};
use futures::future::{Either, select};
use proto::v1::Piece;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::metadata::MetadataMap;

use super::door::Door;
use super::publish::{Parts, wrong};

/// Pieces between the stream and the store, at most.
const PIECES_AHEAD: usize = 2;

#[derive(Deserialize)]
struct Stored {
    sha256: String,
}

/// Hands one file on to the artifact store as it comes, and says what it was. Whatever breaks it off ends the upload
/// with it: a part of a file is never taken for the file.
pub(super) async fn upload(
    door: &Door,
    metadata: &MetadataMap,
    parts: &mut Parts,
    first: Piece,
    sha256: Option<&str>,
) -> Result<String, Status> {
    let (sender, content) = mpsc::channel::<io::Result<Bytes>>(PIECES_AHEAD);
    let content = Body::from_stream(ReceiverStream::new(content));
    let stored = std::pin::pin!(door.upload::<Stored>(content, sha256, metadata));
    let sent = std::pin::pin!(send(parts, first, sender));
    let stored = match select(sent, stored).await {
        Either::Left((sent, stored)) => {
            sent?;
            stored.await?
        }
        // Answered before the end: it was refused.
        Either::Right((stored, _)) => stored?,
    };
    Ok(stored.sha256)
}

async fn send(
    parts: &mut Parts,
    first: Piece,
    sender: mpsc::Sender<io::Result<Bytes>>,
) -> Result<(), Status> {
    let name = first.name.clone();
    let mut piece = first;
    loop {
        // Nobody takes it when the upload was refused: its answer says why.
        if sender.send(Ok(piece.content)).await.is_err() {
            std::future::pending::<()>().await;
        }
        if piece.last {
            return Ok(());
        }
        piece = match parts.piece().await? {
            Some(next) if next.name == name => next,
            Some(next) => {
                let rule = format!("must be {name:?} until its last piece");
                return Err(wrong("piece.name", &next.name, &rule));
            }
            None => {
                let rule = format!("must be true on the last piece of {name:?}");
                return Err(wrong("piece.last", "false", &rule));
            }
        };
    }
}
