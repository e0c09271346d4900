use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row};
use tokio::process::Command;

use super::{Database, Scene};

const READER: &str = "bench/soak/consumer.py";

/// All that the reader found, as it found it.
const RECORDS: &str = "create temp table records (topic text, partition int, at bigint, key text, \
     headers json, value text)";
const COPY: &str = "copy records (topic, partition, at, key, headers, value) from stdin";
/// Events by what their headers say; the mirror's own checkpoints are none.
const TOLD: &str = "create temp table told as select topic, partition, at, key, value, \
     headers->>'ce_id' as id, headers->>'ce_subject' as subject, headers->>'ce_type' as type, \
     headers->>'ce_tenant' as tenant, headers->>'ce_time' as time, \
     (headers->>'ce_position')::bigint as position, (headers->>'ce_sequence')::bigint as sequence \
     from records where topic <> $1";
const COUNTS: &str = "select (select count(*) from events), (select count(*) from told), \
     (select count(distinct (topic, partition)) from told)";
const LOST: &str = "select count(*) from events left join told using (position) \
     where told.position is null";
const TWICE: &str =
    "select count(*) from (select position from told group by position having count(*) > 1) twice";
const STRANGE: &str = "select count(*) from told left join events using (position) \
     where events.position is null";
/// Anything but what is stored, byte for byte.
const ALTERED: &str = "select count(*) from told t join events e using (position) \
     where (t.topic, t.key, t.subject, t.id, t.sequence, t.value, t.type, t.tenant, t.time::timestamptz) \
     is distinct from ($1 || e.aggregate_type, e.aggregate_id, e.aggregate_id, e.position::text, e.sequence, \
     e.payload::text, 'waybill.' || e.aggregate_type || '.' || e.event_type || '.v' || e.event_version, \
     e.metadata->>'tenant', e.recorded_at)";
/// Events that do not follow the one before them in their stream, as a reader of one partition meets them.
const DISORDER: &str = "select count(*) from (select sequence, \
     lag(sequence, 1, 0) over (partition by topic, partition, key order by at) as before from told) met \
     where sequence <> before + 1";

/// What someone else's consumer, reading what was committed, found on the mirror's topics, by SQL over `events`.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Events in the log.
    pub stored: i64,
    /// Events on the topics.
    pub told: i64,
    /// Partitions they are on.
    pub partitions: i64,
    /// In the log, and on no topic.
    pub lost: i64,
    /// On topics more than once.
    pub twice: i64,
    /// On a topic, and not in the log.
    pub strange: i64,
    /// Other bytes, key, or headers than the log has.
    pub altered: i64,
    /// Not right behind the one before in their stream.
    pub disorder: i64,
}

impl Told {
    /// Whether each event is there once, as it is stored, in order.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.stored > 0
            && self.told == self.stored
            && self.lost + self.twice + self.strange + self.altered + self.disorder == 0
    }

    /// Has the topics of the mirror `name` read, and compares what was found with the log.
    ///
    /// # Errors
    /// When the reader or the database fails.
    pub async fn read(scene: &Scene, database: &Database, name: &str) -> Result<Self> {
        let mut connection = PgConnection::connect(&database.admin_url).await?;
        sqlx::query(RECORDS).execute(&mut connection).await?;
        let prefix = format!("{name}.");
        copy(scene, &prefix, &mut connection).await?;
        let checkpoints = format!("{prefix}checkpoint");
        sqlx::query(TOLD).bind(checkpoints).execute(&mut connection).await?;
        sqlx::query("analyze told").execute(&mut connection).await?;
        let row = sqlx::query(COUNTS).fetch_one(&mut connection).await?;
        let altered = sqlx::query_scalar(ALTERED).bind(&prefix).fetch_one(&mut connection).await?;
        let mut count = async |sql| sqlx::query_scalar(sql).fetch_one(&mut connection).await;
        Ok(Self {
            stored: row.try_get(0)?,
            told: row.try_get(1)?,
            partitions: row.try_get(2)?,
            lost: count(LOST).await?,
            twice: count(TWICE).await?,
            strange: count(STRANGE).await?,
            altered,
            disorder: count(DISORDER).await?,
        })
    }
}

async fn copy(scene: &Scene, prefix: &str, connection: &mut PgConnection) -> Result<()> {
    let mut reading = Command::new(&scene.python)
        .args([READER, &scene.brokers, prefix])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{} {READER}", scene.python))?;
    let stdout = reading.stdout.take().context("the reader says nothing")?;
    let mut copy = connection.copy_in_raw(COPY).await?;
    copy.read_from(stdout).await?;
    copy.finish().await?;
    let status = reading.wait().await?;
    ensure!(status.success(), "{READER} ended with {status}");
    Ok(())
}
