use async_trait::async_trait;
use schema::{
    ChannelError, ChannelKind, ClearReceipt, FailureClass, Parcel, Proof, SendResult, Sha256,
};

use super::entry::canonical;
use crate::Channel;

/// Nothing is waited for: what a send may take on a machine that is busy.
const TIMEOUT_MS: u64 = 1_000;
/// Nobody answers.
const NO_STATUS: u16 = 0;

/// The inbox channel.
#[derive(Clone, Copy, Debug, Default)]
pub struct InboxChannel;

#[async_trait]
impl Channel for InboxChannel {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Inbox
    }

    fn timeout_ms(&self) -> u64 {
        TIMEOUT_MS
    }

    async fn send(&self, parcel: &Parcel) -> SendResult {
        let entry = canonical(parcel)
            .map_err(|_| ChannelError::not_sent(FailureClass::Content, "inbox.not_encoded"))?;
        Ok(ClearReceipt {
            proof: Proof::Delivered,
            status: NO_STATUS,
            content_sha256: Sha256::of(&entry),
            content_bytes: entry.len() as u64,
            reply: None,
        })
    }
}
