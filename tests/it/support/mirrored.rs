use super::{Scene, until};

impl Scene {
    /// With the log mirrored to topics of this name at these brokers.
    pub fn mirrored(self, brokers: impl Into<String>, name: &str, partitions: i32) -> Self {
        self.with("kafka.brokers", brokers.into())
            .with("mirror.enabled", true)
            .with("mirror.name", name)
            .with("mirror.partitions", partitions)
    }

    /// Waits until all that is in the log is on Kafka.
    pub async fn mirror_at_head(&self) {
        let behind =
            "select (select max(position) from events) - position from checkpoints where name = $1";
        let name = format!("mirror-{}", self.setting("mirror.name"));
        until("the mirror is at the head", async || {
            (self.count(behind, &name).await == 0).then_some(())
        })
        .await;
    }
}
