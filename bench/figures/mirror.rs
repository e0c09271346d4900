use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use followers::{Checkpoints, FollowerConfig, Mirror, MirrorConfig};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;
use schema::Position;
use simulator::{Shape, Simulator, record};
use store::{Ledger, LogRow, Tail, TailConfig};
use tokio::task::{JoinHandle as Task, spawn_blocking};
use tokio_util::sync::CancellationToken;

use super::append::metadata;
use super::meter::Meter;
use super::server::Server;
use super::spread::{Spread, median, open_loop};
use super::tail::{Sent, Sightings, UNIT_EVENTS, append};
use super::{Bench, Figure, Verdict};

/// Events of one round; rounds of the mirror and of the bare producer take turns.
const EVENTS: usize = 1_000_000;
const ROUNDS: usize = 3;
/// Events of a transaction of the bare producer: from so many on the mirror waits for the one under way.
const TRANSACTION: usize = 16_000;
/// Beside it, as many as a follower is shown at once.
const PORTION: usize = 4_000;
/// How fast the mirror must be, as a share of the bare producer.
const SHARE: f64 = 0.7;
/// Events a second whose way to a consumer is timed, and how long it may take.
const PACED: u64 = 2_000;
const SEEN_MS: f64 = 100.0;
const LOOK_AGAIN: Duration = Duration::from_micros(300);
const DECIDE_WITHIN: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_secs(600);

/// What the bare producer sends: the mirror's own bytes, made ready beforehand.
struct Ready {
    key: String,
    payload: String,
    headers: Vec<(String, String)>,
}

impl Ready {
    fn of(row: &LogRow) -> Result<Self> {
        let attributes =
            row.stored().attributes("urn:uuid:00000000-0000-0000-0000-000000000000")?;
        let name = |name: &str| match name {
            "datacontenttype" => "content-type".to_owned(),
            name => format!("ce_{name}"),
        };
        let headers = attributes.into_iter().map(|(key, value)| (name(&key), value)).collect();
        Ok(Self { key: row.aggregate_id.clone(), payload: row.payload.clone(), headers })
    }

    fn headers(&self) -> OwnedHeaders {
        let headers = OwnedHeaders::new_with_capacity(self.headers.len());
        self.headers.iter().fold(headers, |headers, (key, value)| {
            headers.insert(Header { key, value: Some(value) })
        })
    }
}

/// The whole log, read as the mirror reads it.
async fn read(ledger: &Ledger) -> Result<Vec<Ready>> {
    let head = ledger.head().await?;
    let (mut ready, mut after) = (Vec::new(), Position::START);
    loop {
        let rows = ledger.read(after, head, 20_000, None).await?;
        let Some(last) = rows.last() else { return Ok(ready) };
        after = last.position;
        for row in &rows {
            ready.push(Ready::of(row)?);
        }
    }
}

/// Records a second of a transactional producer and nothing else: one topic, full transactions, no checkpoint. As with
/// the mirror, the first transaction does not count. Blocks.
fn bare(client: &ClientConfig, topic: &str, ready: &[Ready], size: usize) -> Result<f64> {
    let producer: BaseProducer = client
        .clone()
        .set("transactional.id", topic)
        .set("compression.type", "zstd")
        .set("linger.ms", "1")
        .set("socket.nagle.disable", "true")
        .create()?;
    producer.init_transactions(DECIDE_WITHIN)?;
    let mut began = Instant::now();
    for (number, part) in ready.chunks(size).enumerate() {
        producer.begin_transaction()?;
        for one in part {
            let record = BaseRecord::to(topic).key(&one.key).payload(&one.payload);
            send(&producer, record.headers(one.headers()))?;
        }
        // As the mirror waits: `flush` would sleep 100 ms each time.
        while producer.in_flight_count() > 0 {
            look(&producer);
        }
        producer.commit_transaction(DECIDE_WITHIN)?;
        if number == 0 {
            began = Instant::now();
        }
    }
    let counted = ready.len().saturating_sub(size);
    Ok(counted as f64 / began.elapsed().as_secs_f64())
}

/// A topic like the mirror's own.
async fn make(client: &ClientConfig, topic: &str) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = client.create()?;
    let new = NewTopic::new(topic, MirrorConfig::default().partitions, TopicReplication::Fixed(1));
    let made = admin.create_topics([&new], &AdminOptions::new()).await?;
    made.into_iter()
        .try_for_each(|made| made.map(|_| ()).map_err(|(name, code)| anyhow!("{name}: {code}")))
}

fn look(producer: &BaseProducer<DefaultProducerContext>) {
    producer.poll(Duration::ZERO);
    if producer.in_flight_count() > 0 {
        thread::sleep(LOOK_AGAIN);
    }
}

fn send(
    producer: &BaseProducer<DefaultProducerContext>,
    mut record: BaseRecord<'_, String, String>,
) -> Result<()> {
    while let Err((error, back)) = producer.send(record) {
        ensure!(error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull), "{error}");
        look(producer);
        record = back;
    }
    Ok(())
}

/// A mirror at work.
struct Mirroring {
    name: String,
    ledger: Arc<Ledger>,
    stop: CancellationToken,
    task: Task<()>,
}

impl Mirroring {
    async fn start(ledger: &Arc<Ledger>, client: &ClientConfig, name: &str) -> Result<Self> {
        let (stop, name) = (CancellationToken::new(), name.to_owned());
        let tail = Arc::new(Tail::start(ledger, TailConfig::default(), stop.clone()).await?);
        let config = MirrorConfig { enabled: true, name, ..MirrorConfig::default() };
        let name = Mirror::follower_of(&config);
        let hear = Arc::new(|_| {});
        let mirror = Mirror::new(ledger, config, client.clone(), stop.clone(), hear);
        let (own, token) = (Arc::clone(ledger), stop.clone());
        let task = tokio::spawn(async move {
            let config = FollowerConfig::default();
            followers::run(&own, &tail, vec![Box::new(mirror)], config, "n", &token).await;
        });
        Ok(Self { name, ledger: Arc::clone(ledger), stop, task })
    }

    /// Waits until it has mirrored so much; returns how far it is.
    async fn at(&self, wanted: Position) -> Result<Position> {
        let checkpoints = Checkpoints::new(Arc::clone(&self.ledger));
        Ok(checkpoints.await_position(&[&self.name], wanted, PATIENCE).await?)
    }

    async fn end(self) -> Result<()> {
        self.stop.cancel();
        self.task.await.context("the mirror")
    }
}

/// A log mirrored from its beginning, beside a bare producer of the same bytes.
async fn at_full_rate(bench: &Bench, client: &ClientConfig) -> Result<Figure> {
    let database = bench.scene.database("bench_mirror").await?;
    let (ledger, server) = (database.ledger().await?, Server::connect(&database).await?);
    let owner = database.owner_pool(2).await?;
    let history = Simulator::new(Shape::default()).take(bench.sized(EVENTS));
    let count = record(&mut *owner.acquire().await?, history).await? as f64;
    sqlx::query("analyze events").execute(&owner).await?;
    let (head, ready) = (ledger.head().await?, Arc::new(read(&ledger).await?));
    let meter = Meter::start(&server, None).await?;
    let [mut ratios, mut rates, mut bares, mut smalls] = [const { Vec::new() }; 4];
    for round in 0..ROUNDS {
        let mirror = Mirroring::start(&ledger, client, &format!("bench-{round}")).await?;
        let first = mirror.at(Position(1)).await?;
        let began = Instant::now();
        let last = mirror.at(head).await?;
        let ours = (last.0 - first.0) as f64 / began.elapsed().as_secs_f64();
        mirror.end().await?;
        let [large, small] = [TRANSACTION, PORTION].map(|size| {
            let (client, ready) = (client.clone(), Arc::clone(&ready));
            let topic = format!("bare-{round}-{size}");
            async move {
                make(&client, &topic).await?;
                spawn_blocking(move || bare(&client, &topic, &ready, size)).await?
            }
        });
        let theirs = large.await?;
        ratios.push(ours / theirs);
        rates.push(ours);
        bares.push(theirs);
        smalls.push(small.await?);
    }
    let usage = meter.read().await?;
    ledger.close().await;
    let [ratio, rate, bare, small] = [ratios, rates, bares, smalls].map(median);
    let figure = Figure::new(
        &format!("mirror of a log of {count} events, from its beginning"),
        &format!(">= {SHARE} x a bare transactional producer"),
        format!("{ratio:.2} x: {rate:.0} ev/s, median of {ROUNDS} rounds"),
        Verdict::of(ratio >= SHARE),
    );
    let beside = format!(
        "the same bytes from memory: {bare:.0} ev/s in transactions of {TRANSACTION}, {small:.0} \
         in those of {PORTION}"
    );
    Ok(figure.beside(beside).on(&usage))
}

/// Someone who reads what was committed to the topic of deliveries, from now on.
struct Reader {
    seen: Sightings,
    stop: Arc<AtomicBool>,
    reading: JoinHandle<Result<()>>,
}

impl Reader {
    fn start(client: &ClientConfig, topic: &str) -> Result<Self> {
        let consumer: BaseConsumer = client
            .clone()
            .set("group.id", "bench")
            .set("isolation.level", "read_committed")
            .create()?;
        let found = consumer.fetch_metadata(Some(topic), DECIDE_WITHIN)?;
        let partitions = found.topics().first().context("no topic")?.partitions();
        let mut places = TopicPartitionList::new();
        for partition in partitions {
            places.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
        }
        consumer.assign(&places)?;
        let (seen, stop) = (Sightings::default(), Arc::new(AtomicBool::new(false)));
        let (noted, until) = (Arc::clone(&seen), Arc::clone(&stop));
        let reading = thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                let Some(record) = consumer.poll(Duration::from_millis(50)) else { continue };
                let record = record?;
                let now = Instant::now();
                let key = std::str::from_utf8(record.key().unwrap_or_default())?.to_owned();
                noted.lock().unwrap_or_else(PoisonError::into_inner).insert(key, now);
            }
            Ok::<_, anyhow::Error>(())
        });
        Ok(Self { seen, stop, reading })
    }

    fn count(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// From the call of append until a consumer has the event.
async fn latency(bench: &Bench, client: &ClientConfig) -> Result<Figure> {
    let database = bench.scene.database("bench_mirrored").await?;
    let (ledger, server) = (database.ledger().await?, Server::connect(&database).await?);
    let metadata = metadata()?;
    append(Arc::clone(&ledger), metadata.clone()).await?;
    let name = "bench-paced";
    let mirror = Mirroring::start(&ledger, client, name).await?;
    mirror.at(ledger.head().await?).await?;
    let reader = Reader::start(client, &format!("{name}.delivery"))?;
    let rate = PACED / UNIT_EVENTS as u64;
    let seconds = bench.seconds(20);
    let warm = open_loop(rate, 3, |_| append(Arc::clone(&ledger), metadata.clone())).await;
    let meter = Meter::start(&server, None).await?;
    let sent = open_loop(rate, seconds, |_| append(Arc::clone(&ledger), metadata.clone())).await;
    let usage = meter.read().await?;
    let expected = (1 + warm.len() + sent.len()) * UNIT_EVENTS;
    let began = Instant::now();
    while reader.count() < expected {
        ensure!(began.elapsed() < DECIDE_WITHIN, "{} of {expected} seen", reader.count());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    reader.stop.store(true, Ordering::Relaxed);
    let reading = reader.reading;
    spawn_blocking(move || reading.join().map_err(|_| anyhow!("the reader"))?).await??;
    mirror.end().await?;
    ledger.close().await;
    let seen = reader.seen.lock().unwrap_or_else(PoisonError::into_inner);
    let mut answered = Vec::new();
    let way = |sent: Result<Sent>| {
        let (stream, called, came) = sent?;
        answered.push(came.duration_since(called));
        Ok(seen.get(&stream).context("an event that was not read")?.duration_since(called))
    };
    let spread = Spread::of(sent.into_iter().map(way).collect::<Result<_>>()?);
    let answered = Spread::of(answered);
    let figure = Figure::new(
        &format!("append -> read_committed consumer, {PACED} ev/s (units of {UNIT_EVENTS})"),
        &format!("p99 < {SEEN_MS} ms"),
        format!("{spread} ms from the call"),
        Verdict::of(spread.p99() < SEEN_MS),
    );
    Ok(figure.beside(format!("append -> acknowledged: {answered} ms")).on(&usage))
}

/// The mirror's rate, and how soon a consumer sees an event.
pub(super) async fn figures(bench: &Bench) -> Result<Vec<Figure>> {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", &bench.scene.brokers);
    Ok(vec![latency(bench, &client).await?, at_full_rate(bench, &client).await?])
}
