use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use analytics::{
    AuditTrail, Block, By, ChannelEffectiveness, Completeness, Courses, Dataset,
    DeliveryPerformance, EventRow, FailureClusters, Filter, Limits, Patterns, Question, Reply,
    Request, Subject,
};
use anyhow::{Context, Result, bail};
use schema::RecordedEvent;
use simulator::{Shape, Simulator, record};
use sqlx::PgPool;

use super::{Bench, Figure, Verdict};

/// Events of a file.
const BLOCK: usize = 500_000;
/// Memory of a question, in MiB.
const MEMORY_MB: u32 = 4_096;

/// One tenant's history: few reports are large, some destinations are bad, nights are quiet.
fn shape() -> Shape {
    Shape {
        tenants: 1,
        reports: 200,
        recipients: 200_000,
        fan_out: 2_000,
        pace_us: 5 * 60 * 1_000_000,
        ..Shape::default()
    }
}

/// Files of a history by table, written as the exporter writes them.
struct Lake {
    folder: PathBuf,
    tables: BTreeMap<String, Vec<PathBuf>>,
    events: usize,
    bytes: u64,
}

impl Lake {
    /// The first `count` events of the history, and where the first `part` of them end.
    fn write(folder: &Path, count: usize, part: usize) -> Result<(Self, Self)> {
        drop(std::fs::remove_dir_all(folder));
        let empty =
            || Self { folder: folder.to_owned(), tables: BTreeMap::new(), events: 0, bytes: 0 };
        let (mut whole, mut small) = (empty(), empty());
        let (mut history, mut courses) = (Simulator::new(shape()), Courses::default());
        courses.reserve(400_000);
        while whole.events < count {
            let mut block = Block::default();
            let mut facts = Vec::new();
            for event in history.by_ref().take(BLOCK.min(count - whole.events)) {
                let subject = courses.fold(&event, &mut facts);
                let tenant = event.metadata.tenant.as_str();
                block.push(tenant, row_of(&event, subject)?, facts.drain(..));
            }
            for draft in block.drafts() {
                let (dataset, date, tenant) = (draft.dataset, &draft.date, &draft.tenant);
                let name =
                    format!("{dataset}/date={date}/tenant={tenant}/{:012}.parquet", whole.events);
                let path = folder.join(name);
                let written = draft.write(&path)?;
                whole.add(dataset, &path, written.bytes);
                if whole.events < part {
                    small.add(dataset, &path, written.bytes);
                }
            }
            whole.events += block.events();
            small.events = whole.events.min(part);
            if whole.events % 10_000_000 == 0 {
                tracing::info!("{} events simulated", whole.events);
            }
        }
        Ok((whole, small))
    }

    fn add(&mut self, dataset: Dataset, path: &Path, bytes: u64) {
        self.tables.entry(dataset.to_string()).or_default().push(path.to_owned());
        self.bytes += bytes;
    }

    /// The answer's rows and how long it took, the start of the process included.
    fn ask(&self, question: Question) -> Result<(usize, Duration)> {
        let Question { sql, values } = question;
        let limits = Limits { memory_mb: MEMORY_MB, threads: 2, rows: 100_000 };
        let tables = self.tables.clone();
        let request = Request { tables, sql, values, limits, target: None };
        let own = std::env::current_exe()?;
        let began = Instant::now();
        let mut process = Command::new(own.with_file_name("waybill-duckdb"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("waybill-duckdb, beside the bench")?;
        process.stdin.take().context("stdin")?.write_all(&serde_json::to_vec(&request)?)?;
        let output = process.wait_with_output()?;
        let took = began.elapsed();
        match serde_json::from_slice(&output.stdout)? {
            Reply::Rows { rows, .. } => Ok((rows.len(), took)),
            other => bail!("{other:?}"),
        }
    }
}

fn row_of(event: &RecordedEvent, subject: Subject) -> Result<EventRow> {
    Ok(EventRow {
        position: event.position,
        recorded_at: event.recorded_at,
        aggregate_type: event.stream.aggregate_type.as_str().to_owned(),
        aggregate_id: event.stream.aggregate_id.clone(),
        sequence: event.sequence,
        event_type: event.event.event_type().to_owned(),
        event_version: "1".to_owned(),
        payload: event.event.encode()?,
        metadata: serde_json::to_string(&*event.metadata)?,
        actor: event.metadata.actor.to_string(),
        subject,
    })
}

/// The standing questions, each as it is shown when nothing is narrowed.
fn standing() -> Vec<(&'static str, Question)> {
    let limit = 1_000;
    let filter = Filter::default;
    let by = |by: Vec<By>| DeliveryPerformance { filter: filter(), by, limit: 20_000 }.into();
    let someone = Filter { recipient: Some("r77".to_owned()), ..Filter::default() };
    vec![
        ("delivery performance by channel and report", by(vec![By::Channel, By::Report])),
        ("delivery performance by hour", by(vec![By::Hour])),
        ("channel effectiveness", ChannelEffectiveness { filter: filter() }.into()),
        ("patterns", Patterns { filter: filter() }.into()),
        ("failure clusters", FailureClusters { filter: filter(), limit }.into()),
        ("completeness", Completeness { limit, ..Completeness::default() }.into()),
        (
            "audit trail of one recipient",
            AuditTrail { filter: someone, limit, ..AuditTrail::default() }.into(),
        ),
    ]
}

/// All standing questions over a large history, and some beside Postgres.
pub(super) async fn figures(bench: &Bench) -> Result<Vec<Figure>> {
    let (count, part) = (bench.sized(100_000_000), bench.sized(10_000_000));
    let folder = bench.scene.directory("bench-views");
    let began = Instant::now();
    let (whole, small) =
        tokio::task::spawn_blocking(move || Lake::write(&folder, count, part)).await??;
    tracing::info!(
        "{count} events written in {:.0} s, {} bytes",
        began.elapsed().as_secs_f64(),
        whole.bytes
    );
    let mut figures = Vec::new();
    for (name, question) in standing() {
        whole.ask(question.clone())?; // the files come into the system's cache, where there is room
        let (rows, took) = whole.ask(question)?;
        let seconds = took.as_secs_f64();
        figures.push(Figure::new(
            &format!("{name}, over {} M events", count / 1_000_000),
            "< 2 s in <= 4 GiB",
            format!("{seconds:.2} s, {rows} rows"),
            Verdict::of(seconds < 2.0),
        ));
    }
    figures.extend(beside_postgres(bench, &small, part).await?);
    drop(std::fs::remove_dir_all(&whole.folder));
    Ok(figures)
}

/// The same questions as SQL on Postgres: over the events' JSON, and over a table of the same typed facts.
async fn beside_postgres(bench: &Bench, lake: &Lake, count: usize) -> Result<Vec<Figure>> {
    let database = bench.scene.database("bench_views").await?;
    let owner = database.owner_pool(2).await?;
    record(&mut *owner.acquire().await?, Simulator::new(shape()).take(count)).await?;
    // Each in a transaction of its own: a vacuum bears no other.
    let facts = format!("create table facts as {FACTS}");
    for statement in ["vacuum analyze events", &facts, "analyze facts"] {
        timed(&owner, statement).await?;
    }
    let mut figures = Vec::new();
    for (name, question) in standing() {
        let Some(sql) = on_facts(name) else { continue };
        lake.ask(question.clone())?;
        let (_, ours) = lake.ask(question)?;
        let over_json =
            timed(&owner, &format!("with facts as materialized ({FACTS}) {sql}")).await?;
        timed(&owner, sql).await?; // into the cache
        let typed = timed(&owner, sql).await?;
        let ratio = |theirs: Duration| theirs.as_secs_f64() / ours.as_secs_f64();
        let figure = Figure::new(
            &format!("{name}, over {} M events", count / 1_000_000),
            ">= 50 x Postgres over JSON events, >= 10 x over a typed table",
            format!(
                "{:.0} ms: {:.0} x and {:.1} x",
                ours.as_secs_f64() * 1e3,
                ratio(over_json),
                ratio(typed)
            ),
            Verdict::of(ratio(over_json) >= 50.0 && ratio(typed) >= 10.0),
        );
        figures.push(figure.beside(format!(
            "Postgres: {:.1} s over JSON, {:.2} s over a typed table",
            over_json.as_secs_f64(),
            typed.as_secs_f64()
        )));
    }
    Ok(figures)
}

async fn timed(pool: &PgPool, sql: &str) -> Result<Duration> {
    let mut conn = pool.acquire().await?;
    sqlx::raw_sql("set statement_timeout = 0").execute(&mut *conn).await?;
    let began = Instant::now();
    sqlx::query(sql).persistent(false).fetch_all(&mut *conn).await?;
    Ok(began.elapsed())
}

/// How deliveries ended, from the events' JSON.
const FACTS: &str = "
    select p.payload ->> 'channel' as channel, p.payload ->> 'report' as report,
           (p.payload ->> 'received_at')::timestamptz at time zone 'UTC' as received_at,
           c.closed_at, c.outcome, c.attempts,
           round(extract(epoch from c.sent_at - (p.payload ->> 'received_at')::timestamptz) * 1000000)::bigint
               as latency_us
    from events p join (
        select aggregate_id, max(recorded_at) filter (where outcome is not null) at time zone 'UTC' as closed_at,
               max(outcome) as outcome, max(attempt) as attempts, min(sent_at) as sent_at
        from (
            select aggregate_id, recorded_at, (payload ->> 'attempt')::int as attempt,
                   (payload ->> 'sent_at')::timestamptz as sent_at,
                   case event_type
                       when 'DeliveryCancelled' then 'cancelled' when 'DeliveryExpired' then 'expired'
                       when 'DeliverySuppressed' then 'suppressed'
                       when 'AttemptEnded' then coalesce(payload -> 'outcome' -> 'receipt' ->> 'proof',
                           case payload -> 'outcome' -> 'next' ->> 'kind' when 'dead_lettered' then 'dead_lettered' end)
                   end as outcome
            from events where aggregate_type = 'delivery' and event_type <> 'DeliveryScheduled'
        ) e group by aggregate_id
    ) c on c.aggregate_id = p.aggregate_id
    where p.aggregate_type = 'delivery' and p.event_type = 'DeliveryScheduled' and c.outcome is not null";

/// A standing question over those facts.
fn on_facts(name: &str) -> Option<&'static str> {
    Some(match name {
        "delivery performance by channel and report" => {
            "select channel, report, count(*), count(*) filter (where outcome = 'delivered'),
                    count(*) filter (where outcome = 'accepted'), count(*) filter (where outcome = 'dead_lettered'),
                    count(*) filter (where outcome = 'cancelled'), count(*) filter (where outcome = 'expired'),
                    count(*) filter (where outcome = 'suppressed'), sum(attempts), count(latency_us),
                    percentile_disc(array[0.5, 0.95, 0.99]) within group (order by latency_us), max(latency_us)
             from facts group by 1, 2"
        }
        "delivery performance by hour" => {
            "select date_trunc('hour', closed_at), count(*), count(*) filter (where outcome = 'delivered'),
                    count(*) filter (where outcome = 'accepted'), count(*) filter (where outcome = 'dead_lettered'),
                    count(*) filter (where outcome = 'cancelled'), count(*) filter (where outcome = 'expired'),
                    count(*) filter (where outcome = 'suppressed'), sum(attempts), count(latency_us),
                    percentile_disc(array[0.5, 0.95, 0.99]) within group (order by latency_us), max(latency_us)
             from facts group by 1"
        }
        "patterns" => {
            "select extract(isodow from received_at), extract(hour from received_at), count(*),
                    count(*) filter (where outcome in ('delivered', 'accepted')), count(*) filter (where attempts > 1),
                    percentile_disc(array[0.5, 0.99]) within group (order by latency_us)
             from facts group by 1, 2"
        }
        _ => return None,
    })
}
