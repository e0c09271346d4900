use async_trait::async_trait;
use schema::{ChannelKind, Parcel, SendResult};

/// One way to reach a recipient.
#[async_trait]
pub trait Channel: Send + Sync {
    /// Which one.
    fn kind(&self) -> ChannelKind;

    /// The longest a [`Channel::send`] takes, in milliseconds. It ends by itself before, and then knows how far it
    /// had come; whoever drops it earlier must assume that the report may have arrived.
    fn timeout_ms(&self) -> u64;

    /// Sends one parcel once. Never retries what the other side may have taken.
    ///
    /// # Errors
    /// `ChannelError` with its class decided here, and the stage the send had reached.
    async fn send(&self, parcel: &Parcel) -> SendResult;

    /// Says good-bye on idle connections. Called once, when nothing is being sent any more.
    async fn close(&self) {}
}
