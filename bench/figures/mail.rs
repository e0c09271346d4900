use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::house::House;
use super::meter::Meter;
use super::profile::Profile;
use super::{Bench, Figure, Verdict};
use crate::sink::{Aside, SmtpSink};

const RECIPIENTS: usize = 100;
const VERSIONS: usize = 200;
const WARM: usize = 10;
const PUBLISHERS: usize = 4;
/// Connections of the bare loop: the product's default.
const CONNECTIONS: usize = 16;
const REPORT: &str = "mail";

/// Mails a second into a fast sink until all followers are at the head, beside a bare SMTP loop.
pub(super) async fn figures(bench: &Bench) -> Result<Vec<Figure>> {
    let aside = Aside::start("smtp-sink")?;
    let sink = aside.run(SmtpSink::start(Duration::ZERO, false)).await?;
    let settings = [
        ("WAYBILL_MAIL__HOST", "127.0.0.1".to_owned()),
        ("WAYBILL_MAIL__PORT", sink.address.port().to_string()),
        ("WAYBILL_MAIL__FROM_ADDRESS", "reports@bench.example".to_owned()),
    ];
    let house = House::open(bench, "mail", &settings).await?;
    house.settle(REPORT, RECIPIENTS, "r{}@bench.example".to_owned()).await?;
    publish(&house, 0, WARM).await?;
    house.await_done(WARM as u64, Instant::now()).await?;

    let (versions, bytes, before) = (bench.sized(VERSIONS), sink.bytes(), sink.records.len());
    let mails = versions * RECIPIENTS;
    house.forget().await?;
    let meter = Meter::start(&house.server, Some(house.node.pid())).await?;
    let profile = Profile::start(bench, &house.node, REPORT)?;
    let (lag, began) = (house.watch_lag(), Instant::now());
    publish(&house, WARM, versions).await?;
    let reached = house.await_done((WARM + versions) as u64, began).await?;
    let (lag, usage) = (lag.read().await?, meter.read().await?);
    let hot = profile.read()?;
    let per_s = mails as f64 / reached.last().as_secs_f64();
    let (came, recorded) = (sink.records.len() - before, house.succeeded().await?);
    ensure!(came == mails, "{came} of {mails} mails came");
    ensure!(recorded.unsigned_abs() as usize == mails + WARM * RECIPIENTS, "{recorded} recorded");
    let each_bytes = usize::try_from(sink.bytes() - bytes)? / mails;
    house.close()?;

    let bare = bare(sink.address, mails, each_bytes).await?;
    let figure = Figure::new(
        &format!(
            "mail, one recipient each, {:.1} KB, recorded per recipient",
            each_bytes as f64 / 1024.0
        ),
        ">= 8,000/s until followers are at the head",
        format!("{per_s:.0} mails/s; {lag}"),
        Verdict::of(per_s >= 8_000.0),
    );
    let detail =
        [format!("followers at the head after, s: {}", reached.names()), usage.each(mails)];
    let beside = format!("bare SMTP loop, {CONNECTIONS} connections: {bare:.0}/s");
    Ok(vec![figure.beside(beside).on(&usage).detail(detail).detail(hot)])
}

async fn publish(house: &House, from: usize, versions: usize) -> Result<()> {
    stream::iter(from..from + versions)
        .map(|version| async move { house.api.publish(REPORT, &format!("v{version}")).await })
        .buffer_unordered(PUBLISHERS)
        .try_collect::<Vec<String>>()
        .await?;
    Ok(())
}

/// Mails a second of `size` bytes with pipelined envelopes and nothing recorded.
async fn bare(address: SocketAddr, mails: usize, size: usize) -> Result<f64> {
    let next = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let connection = |_| {
        let next = Arc::clone(&next);
        tokio::spawn(async move {
            let mut session = Session::open(address).await?;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= mails {
                    return anyhow::Ok(());
                }
                session.send(number, size).await?;
            }
        })
    };
    for connection in try_join_all((0..CONNECTIONS).map(connection)).await? {
        connection?;
    }
    Ok(mails as f64 / began.elapsed().as_secs_f64())
}

struct Session {
    stream: BufReader<TcpStream>,
    line: String,
}

impl Session {
    async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut session = Self { stream: BufReader::new(stream), line: String::new() };
        session.reply('2').await?;
        session.stream.write_all(b"EHLO bench\r\n").await?;
        session.reply('2').await?;
        Ok(session)
    }

    async fn send(&mut self, number: usize, size: usize) -> Result<()> {
        let envelope = format!(
            "MAIL FROM:<reports@bench.example>\r\nRCPT TO:<r{number}@bench.example>\r\nDATA\r\n"
        );
        self.stream.write_all(envelope.as_bytes()).await?;
        for expected in ['2', '2', '3'] {
            self.reply(expected).await?;
        }
        let mut mail = format!("Message-ID: <bare-{number}@bench.example>\r\n\r\n");
        while mail.len() < size {
            mail.push_str("The quick brown fox jumps over the lazy dog and rests for a while.\r\n");
        }
        mail.push_str(".\r\n");
        self.stream.write_all(mail.as_bytes()).await?;
        self.reply('2').await
    }

    async fn reply(&mut self, expected: char) -> Result<()> {
        loop {
            self.line.clear();
            self.stream.read_line(&mut self.line).await?;
            if self.line.get(3..4) == Some("-") {
                continue;
            }
            if !self.line.starts_with(expected) {
                bail!("the sink said {:?}", self.line);
            }
            return Ok(());
        }
    }
}
