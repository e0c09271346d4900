use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use followers::{
    Backfill, BackfillOrder, FollowerConfig, HearAhead, Mirror, MirrorConfig, MirrorView, Tell,
    Verification,
};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use schema::{AggregateType, Position};
use store::{LogRow, Tail, TailConfig};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{House, PATIENCE, delivered, quick, register};

fn client() -> ClientConfig {
    let mut client = ClientConfig::new();
    #[expect(clippy::disallowed_methods, reason = "where the test's servers are")]
    let brokers = std::env::var("WAYBILL_KAFKA__BROKERS").unwrap();
    client.set("bootstrap.servers", brokers);
    client
}

/// Topics of one test's own.
fn config() -> MirrorConfig {
    let name = format!("t-{}", uuid::Uuid::new_v4().simple());
    MirrorConfig { enabled: true, name, partitions: 3 }
}

struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    async fn shut_down(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

async fn run(house: &House, config: &MirrorConfig, node: &str) -> Running {
    run_at(house, config, node, client(), Arc::new(|_| {})).await
}

async fn run_at(
    house: &House,
    config: &MirrorConfig,
    node: &str,
    client: ClientConfig,
    hear_ahead: HearAhead,
) -> Running {
    let stop = CancellationToken::new();
    let ledger = Arc::clone(house.ledger());
    let tail = Tail::start(&ledger, TailConfig::default(), stop.clone()).await.unwrap();
    let mirror = Mirror::new(&ledger, config.clone(), client, stop.clone(), hear_ahead);
    let (tail, node, token) = (Arc::new(tail), node.to_owned(), stop.clone());
    let quick = FollowerConfig { batch_events: 100, ..quick() };
    let task = tokio::spawn(async move {
        followers::run(&ledger, &tail, vec![Box::new(mirror)], quick, &node, &token).await;
    });
    Running { stop, task }
}

/// A record, as someone sees it who reads what was committed.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    key: String,
    payload: String,
    headers: BTreeMap<String, String>,
}

impl Seen {
    fn position(&self) -> i64 {
        self.headers["ce_position"].parse().unwrap()
    }
}

/// All that was committed to a topic, in the order of each partition. Blocks.
fn committed(topic: &str, partitions: i32) -> Vec<Seen> {
    let consumer: BaseConsumer = client()
        .set("group.id", "reader")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .set("fetch.wait.max.ms", "20")
        .create()
        .unwrap();
    let mut places = TopicPartitionList::new();
    for partition in 0..partitions {
        places.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&places).unwrap();
    let (mut seen, mut ended) = (Vec::new(), 0);
    let until = Instant::now() + PATIENCE;
    while ended < partitions {
        assert!(Instant::now() < until, "{topic} is not read to its end");
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(record)) => {
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                let headers = record.headers().unwrap().iter();
                seen.push(Seen {
                    key: text(record.key().unwrap()),
                    payload: text(record.payload().unwrap()),
                    headers: headers
                        .map(|header| (header.key.to_owned(), text(header.value.unwrap())))
                        .collect(),
                });
            }
            Some(Err(rdkafka::error::KafkaError::PartitionEOF(_))) => ended += 1,
            Some(Err(error)) => assert_eq!(error.to_string(), "", "{topic}"),
            None => {}
        }
    }
    seen
}

async fn log(house: &House) -> Vec<LogRow> {
    let head = house.ledger().head().await.unwrap();
    let (mut rows, mut after) = (Vec::new(), Position::START);
    while after < head {
        let some = house.ledger().read(after, head, 10_000, None).await.unwrap();
        after = some.last().map_or(head, |row| row.position);
        rows.extend(some);
    }
    rows
}

/// Every event of the log is on its topic once, as it is stored, in order per stream, and nothing else is.
async fn assert_mirrored(house: &House, config: &MirrorConfig) -> Vec<Seen> {
    let (name, partitions) = (config.name.clone(), config.partitions);
    let seen = tokio::task::spawn_blocking(move || {
        let topics = AggregateType::ALL.iter().map(|kind| format!("{name}.{kind}"));
        topics.flat_map(|topic| committed(&topic, partitions)).collect::<Vec<_>>()
    });
    let mut seen = seen.await.unwrap();
    let mut last: BTreeMap<String, i64> = BTreeMap::new();
    for one in &seen {
        let stream = format!("{}/{}", one.headers["ce_type"].split('.').nth(1).unwrap(), one.key);
        let sequence = one.headers["ce_sequence"].parse().unwrap();
        assert_eq!(last.insert(stream, sequence).unwrap_or(0) + 1, sequence, "{one:?}");
    }
    seen.sort_by_key(Seen::position);
    let told: Vec<_> =
        seen.iter().map(|one| (one.position(), one.key.clone(), one.payload.clone())).collect();
    let stored: Vec<_> = log(house)
        .await
        .into_iter()
        .map(|row| (row.position.0, row.aggregate_id, row.payload))
        .collect();
    assert_eq!(told, stored);
    seen
}

/// A ledger whose only event is on topics of its own, with the mirror that brought it there.
async fn mirrored_one() -> (House, MirrorConfig, String, Position) {
    let (house, config) = (House::start().await, config());
    let follower = Mirror::follower_of(&config);
    let end = house.append(vec![register("ann")]).await;
    let running = run(&house, &config, "n1").await;
    house.reached(&[&follower], end).await;
    running.shut_down().await;
    (house, config, follower, end)
}

async fn make(topic: &str, partitions: i32) {
    let admin: AdminClient<DefaultClientContext> = client().create().unwrap();
    let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    let until = Instant::now() + PATIENCE;
    // A topic that was just removed may still be there for a moment.
    while admin.create_topics([&new], &AdminOptions::new()).await.unwrap()[0].is_err() {
        assert!(Instant::now() < until, "{topic} cannot be made");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn lose(topic: &str) {
    let admin: AdminClient<DefaultClientContext> = client().create().unwrap();
    admin.delete_topics(&[topic], &AdminOptions::new()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_mirrored_once_through_kills_and_shut_downs() {
    let house = House::start().await;
    let config = config();
    let follower = Mirror::follower_of(&config);
    house.append(delivered("v0", 400)).await;
    let mut end = Position::START;
    for turn in 1..=6 {
        let node = format!("n{turn}");
        let running = run(&house, &config, &node).await;
        for part in 0..5 {
            end = house.append(delivered(&format!("v{turn}-{part}"), 60)).await;
        }
        house.until(&follower, |status| status.position > Position(400 * turn)).await;
        if turn % 2 == 0 { running.shut_down().await } else { running.kill().await }
    }
    let running = run(&house, &config, "last").await;
    house.reached(&[&follower], end).await;
    running.shut_down().await;

    let seen = assert_mirrored(&house, &config).await;
    let installation = house.ledger().installation().await.unwrap();
    let first = &seen[0].headers;
    assert_eq!(first["ce_specversion"], "1.0");
    assert_eq!(first["ce_source"], format!("urn:uuid:{installation}"));
    assert_eq!(first["ce_type"], "waybill.distribution.ReportReceived.v1");
    assert_eq!(first["content-type"], "application/json");
    assert_eq!(first["ce_tenant"], "acme");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_partitions_and_a_lost_topic_are_refused_with_what_to_do() {
    let (house, config, follower, end) = mirrored_one().await;

    let other = MirrorConfig { partitions: 4, ..config.clone() };
    let running = run(&house, &other, "n1").await;
    let status = house.until(&follower, |status| status.trouble.is_some()).await;
    let trouble = status.trouble.unwrap();
    assert!(trouble.contains("has 3 partitions, mirror.partitions is 4"), "{trouble}");
    running.shut_down().await;

    let running = run(&house, &config, "n1").await;
    house.until(&follower, |status| status.trouble.is_none()).await;
    running.shut_down().await;
    let lost = format!("{}.recipient", config.name);
    lose(&lost).await;
    let running = run(&house, &config, "n1").await;
    let status = house.until(&follower, |status| status.trouble.is_some()).await;
    let trouble = status.trouble.unwrap();
    assert!(trouble.contains(&format!("topic {lost} is gone")), "{trouble}");
    let said = view(&house, &config).verify(Arc::new(|_, _| {})).await.unwrap_err().to_string();
    assert!(said.contains(&format!("topic {lost} is gone")), "{said}");
    assert_eq!(view(&house, &config).ahead().await.unwrap(), None);
    running.shut_down().await;

    make(&lost, 2).await;
    let said = view(&house, &config).verify(Arc::new(|_, _| {})).await.unwrap_err().to_string();
    assert!(said.contains("has 2 partitions"), "{said}");
    lose(&lost).await;
    make(&lost, 3).await;
    let running = run(&house, &config, "n1").await;
    let status = house.until(&follower, |status| {
        status.trouble.as_ref().is_some_and(|trouble| trouble.contains("ends at offset 0"))
    });
    assert!(status.await.trouble.unwrap().contains("the topic was made anew"));
    running.shut_down().await;

    let anew = MirrorConfig { name: format!("{}-2", config.name), ..config };
    let running = run(&house, &anew, "n1").await;
    house.reached(&[&Mirror::follower_of(&anew)], end).await;
    running.shut_down().await;
    assert_mirrored(&house, &anew).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_whose_checkpoint_topic_is_lost_does_not_begin_again_by_itself() {
    let (house, config, follower, _) = mirrored_one().await;
    let lost = format!("{}.checkpoint", config.name);
    lose(&lost).await;
    let running = run(&house, &config, "n1").await;
    let status = house.until(&follower, |status| status.trouble.is_some()).await;
    let trouble = status.trouble.unwrap();
    assert!(trouble.contains(&format!("topic {lost} names no position")), "{trouble}");
    running.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_is_stopped_while_kafka_is_away_ends_at_once_and_tells_no_trouble() {
    let house = House::start().await;
    let config = config();
    let follower = Mirror::follower_of(&config);
    let away = client().set("bootstrap.servers", "127.0.0.1:9").clone();
    let running = run_at(&house, &config, "n1", away, Arc::new(|_| {})).await;
    house.until(&follower, |status| status.node.is_some()).await;
    let told = Instant::now();
    running.shut_down().await;
    assert!(told.elapsed() < Duration::from_secs(3), "{:?}", told.elapsed());
    assert_eq!(house.status(&follower).await.trouble, None);
}

fn view(house: &House, config: &MirrorConfig) -> MirrorView {
    MirrorView::new(house.ledger(), config, client())
}

async fn verified(house: &House, config: &MirrorConfig) -> Verification {
    view(house, config).verify(Arc::new(|_, _| {})).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mirror_is_compared_with_the_ledger_and_what_differs_is_named() {
    let house = House::start().await;
    let config = config();
    let said = view(&house, &config).verify(Arc::new(|_, _| {})).await.unwrap_err().to_string();
    assert!(said.contains("holds no checkpoint"), "{said}");
    let running = run(&house, &config, "n1").await;
    let end = house.append(delivered("v1", 40)).await;
    house.reached(&[&Mirror::follower_of(&config)], end).await;
    running.shut_down().await;

    let status = view(&house, &config).status().await.unwrap();
    let mark = status.checkpoint.unwrap();
    assert_eq!((mark.position, status.head, status.lag), (end, end, 0));
    assert!(mark.is_in_ledger);
    let found = verified(&house, &config).await;
    let events = log(&house).await.len() as u64;
    let equal = Verification {
        equal: true,
        through: end,
        events,
        retained: vec![],
        differences: vec![],
        not_looked_into: 0,
    };
    assert_eq!(found, equal);

    // Someone else writes to a topic: the same event again, one that is changed, one that is no event.
    let topic = format!("{}.delivery", config.name);
    let read = topic.clone();
    let all = tokio::task::spawn_blocking(move || committed(&read, 3)).await.unwrap();
    let again = all.last().unwrap().clone();
    let changed = Seen { payload: "{}".to_owned(), ..again.clone() };
    let no_event = Seen { headers: BTreeMap::new(), ..again.clone() };
    for record in [&again, &changed, &no_event] {
        write(&topic, record).await;
    }
    let found = verified(&house, &config).await;
    assert!(!found.equal);
    let said: Vec<_> = found.differences.iter().map(ToString::to_string).collect();
    let count = |words: &str| said.iter().filter(|one| one.contains(words)).count();
    let counts = ["is foreign", "is told once more", "stands behind"].map(count);
    assert_eq!((counts, said.len()), ([1, 2, 2], 5), "{said:?}");
}

async fn write(topic: &str, record: &Seen) {
    let producer: FutureProducer = client().set("partitioner", "murmur2_random").create().unwrap();
    let headers = record.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
        headers.insert(Header { key, value: Some(value) })
    });
    let told = FutureRecord::to(topic).key(&record.key).payload(&record.payload).headers(headers);
    producer.send(told, PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_retention_took_is_not_asked_of_the_mirror() {
    let house = House::start().await;
    let config = MirrorConfig { partitions: 2, ..config() };
    let running = run(&house, &config, "n1").await;
    let end = house.append(delivered("v1", 40)).await;
    house.reached(&[&Mirror::follower_of(&config)], end).await;
    running.shut_down().await;
    let topic = format!("{}.delivery", config.name);
    let admin: AdminClient<DefaultClientContext> = client().create().unwrap();
    let mut gone = TopicPartitionList::new();
    gone.add_partition_offset(&topic, 0, Offset::Offset(30)).unwrap();
    gone.add_partition_offset(&topic, 1, Offset::End).unwrap();
    admin.delete_records(&gone, &AdminOptions::new()).await.unwrap();

    let found = verified(&house, &config).await;
    assert!(found.equal, "{:?}", found.differences);
    assert!(found.events < log(&house).await.len() as u64);
    let froms: Vec<_> = found.retained.iter().map(|retained| retained.from.is_some()).collect();
    assert_eq!(froms, [true, false], "{:?}", found.retained);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_believe_to_be_the_mirror_write_each_event_once() {
    let house = House::start().await;
    let config = config();
    let follower = Mirror::follower_of(&config);
    let (one, other) = (run(&house, &config, "n1").await, run(&house, &config, "n2").await);
    let mut end = Position::START;
    for part in 0..20 {
        end = house.append(delivered(&format!("v{part}"), 40)).await;
        // Takes the lease from whoever has it, as after a pause that was too long.
        let taken = "update checkpoints set node = null, epoch = epoch + 1 where name = $1";
        sqlx::query(taken).bind(&follower).execute(house.ledger().pool()).await.unwrap();
    }
    house.reached(&[&follower], end).await;
    one.shut_down().await;
    other.shut_down().await;
    assert_mirrored(&house, &config).await;
    assert!(verified(&house, &config).await.equal);
}

fn backfill(house: &House, config: &MirrorConfig, topic: &str, order: &BackfillOrder) -> Backfill {
    Backfill::new(house.ledger(), config, client(), topic.to_owned(), order.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_of_ones_own_is_filled_exactly_once_through_kills() {
    let (house, config, _, _) = mirrored_one().await;
    for part in 0..12 {
        house.append(delivered(&format!("v{part}"), 300)).await;
    }
    let through = house.ledger().head().await.unwrap();
    let kinds = vec![AggregateType::Delivery, AggregateType::Distribution];
    let order = BackfillOrder { after: Position(5), kinds: kinds.clone() };
    let topic = format!("{}-late", config.name);
    let (quiet, stop): (Tell, _) = (Arc::new(|_, _| {}), CancellationToken::new());
    let filling = || backfill(&house, &config, &topic, &order);
    let mut kills = 0;
    let mut done = None;
    for ms in [150, 400, 600, 800, 1_000, 60_000] {
        let one = filling();
        let within = Duration::from_millis(ms);
        let run = one.run(through, Arc::clone(&quiet), &stop);
        if let Ok(ended) = tokio::time::timeout(within, run).await {
            done = Some(ended.unwrap());
            break;
        }
        kills += 1;
    }
    assert!(kills > 0, "no call was broken off");
    let again = filling().run(through, Arc::clone(&quiet), &stop).await.unwrap();
    assert_eq!((again.events, again.after), (0, done.unwrap().position));

    let read = topic.clone();
    let mut seen = tokio::task::spawn_blocking(move || committed(&read, 3)).await.unwrap();
    let mut last: BTreeMap<String, i64> = BTreeMap::new();
    for one in &seen {
        let before = last.insert(one.key.clone(), one.position()).unwrap_or(0);
        assert!(before < one.position(), "{one:?}");
    }
    seen.sort_by_key(Seen::position);
    let told: Vec<_> = seen.into_iter().map(|one| (one.position(), one.payload)).collect();
    let kinds = kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>();
    let stored = log(&house)
        .await
        .into_iter()
        .filter(|row| row.position > order.after && kinds.contains(&row.aggregate_type.as_str()));
    assert_eq!(told, stored.map(|row| (row.position.0, row.payload)).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_may_not_be_filled_is_refused_with_why() {
    let (house, config, _, end) = mirrored_one().await;
    let order = BackfillOrder { after: Position::START, kinds: AggregateType::ALL.to_vec() };
    let stop = CancellationToken::new();
    let refused = async |topic: &str, order: &BackfillOrder| {
        let one = backfill(&house, &config, topic, order);
        one.run(end, Arc::new(|_, _| {}), &stop).await.unwrap_err().to_string()
    };
    for own in ["delivery", "checkpoint"] {
        let said = refused(&format!("{}.{own}", config.name), &order).await;
        assert!(said.ends_with("is the mirror's own: name another one"), "{said}");
    }
    let late = format!("{}-late", config.name);
    backfill(&house, &config, &late, &order).run(end, Arc::new(|_, _| {}), &stop).await.unwrap();
    let other = BackfillOrder { after: Position(1), ..order.clone() };
    let said = refused(&late, &other).await;
    assert!(said.contains("was begun with tenant, ") && said.contains("after event 1"), "{said}");
    let taken = format!("{}-taken", config.name);
    make(&taken, 1).await;
    let record = Seen { key: "k".to_owned(), payload: "x".to_owned(), headers: BTreeMap::new() };
    write(&taken, &record).await;
    let said = refused(&taken, &order).await;
    assert!(said.contains("holds records"), "{said}");
    lose(&late).await;
    let said = refused(&late, &order).await;
    assert!(said.contains("is gone"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_is_ahead_of_its_ledger_says_so_and_stands_still() {
    let (_newer, config, follower, end) = mirrored_one().await;
    let older = House::start().await;
    let (heard, hearing) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(None)));
    let said = Arc::clone(&heard);
    let hear: HearAhead = Arc::new(move |known| *said.lock().unwrap() = Some(known));
    let running = run_at(&older, &config, "n1", client(), hear).await;
    let status = older.until(&follower, |status| status.poison.is_some()).await;
    assert!(status.poison.unwrap().is_other_log);
    assert_eq!(*heard.lock().unwrap(), Some(end));
    running.shut_down().await;
    assert_eq!(view(&older, &config).ahead().await.unwrap(), Some(end));

    let (same, config, _, _) = mirrored_one().await;
    let said = Arc::clone(&hearing);
    let hear: HearAhead = Arc::new(move |known| *said.lock().unwrap() = Some(known));
    let running = run_at(&same, &config, "n1", client(), hear).await;
    let end = same.append(vec![register("bob")]).await;
    same.reached(&[&Mirror::follower_of(&config)], end).await;
    running.shut_down().await;
    assert_eq!(*hearing.lock().unwrap(), None::<Position>);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_went_on_after_its_restore_is_not_taken_for_an_older_one() {
    let (house, config, follower, _) = mirrored_one().await;
    let running = run(&house, &config, "n1").await;
    let end = house.append(delivered("v1", 3)).await;
    house.reached(&[&follower], end).await;
    running.shut_down().await;
    let beyond = async |head: Position, hash| {
        let (sender, mut receiver) = mpsc::channel(4);
        let (view, mut all) = (view(&house, &config), Vec::new());
        let taking = async {
            while let Some(portion) = receiver.recv().await {
                all.extend(portion);
            }
        };
        let (found, ()) = tokio::join!(view.beyond(head, hash, sender), taking);
        (found, all)
    };
    let rows = log(&house).await;
    let head = rows[4].position;
    let hash = house.ledger().event_hash(head).await.unwrap();
    let (found, mut told) = beyond(head, hash).await;
    let found = found.unwrap();
    assert_eq!((found.through, found.last), (end, Some((end, found.hash))));
    told.sort_by_key(|(event, _)| event.position);
    let told: Vec<_> = told.iter().map(|(event, payload)| (event.position, payload)).collect();
    let lacking: Vec<_> = rows[5..].iter().map(|row| (row.position, &row.payload)).collect();
    assert_eq!(told, lacking);
    let (_, none) = beyond(end, None).await;
    assert_eq!(none, vec![]);
    let other = house.ledger().event_hash(end).await.unwrap();
    let said = beyond(head, other).await.0.unwrap_err().to_string();
    assert!(said.contains("something was appended after the backup was restored"), "{said}");

    let topic = format!("{}.delivery", config.name);
    let admin: AdminClient<DefaultClientContext> = client().create().unwrap();
    let mut gone = TopicPartitionList::new();
    for partition in 0..3 {
        gone.add_partition_offset(&topic, partition, Offset::End).unwrap();
    }
    admin.delete_records(&gone, &AdminOptions::new()).await.unwrap();
    let said = beyond(head, hash).await.0.unwrap_err().to_string();
    assert!(said.contains("retention may have taken events"), "{said}");
}
