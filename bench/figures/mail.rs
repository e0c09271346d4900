use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail, ensure};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
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

/// How the mails are signed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Signing {
    None,
    Ed25519,
    Rsa,
}

impl Signing {
    const fn name(self) -> &'static str {
        match self {
            Self::None => "unsigned",
            Self::Ed25519 => "DKIM ed25519",
            Self::Rsa => "DKIM RSA 2048",
        }
    }

    /// The setting that has Waybill sign, with a key of its own.
    fn setting(self, folder: &Path) -> Result<Option<(&'static str, String)>> {
        let der = match self {
            Self::None => return Ok(None),
            Self::Ed25519 => Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
                .map(|document| document.as_ref().to_vec()),
            Self::Rsa => RsaKeyPair::generate(KeySize::Rsa2048)
                .and_then(|pair| AsDer::<Pkcs8V1Der<'_>>::as_der(&pair))
                .map(|document| document.as_ref().to_vec()),
        };
        let der = der.map_err(|_| anyhow!("a {} key cannot be made", self.name()))?;
        fs::create_dir_all(folder)?;
        let file = folder.join("dkim.pem");
        let pem = STANDARD.encode(der);
        fs::write(
            &file,
            format!("-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----\n"),
        )?;
        let key = format!(
            r#"[{{domain="bench.example",selector="bench",key_file="{}"}}]"#,
            file.display()
        );
        Ok(Some(("WAYBILL_MAIL__DKIM", key)))
    }
}

/// Mails a second into a fast sink until all followers are at the head, beside a bare SMTP loop: unsigned, and signed
/// by either kind of key.
pub(super) async fn figures(bench: &Bench) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for signing in [Signing::None, Signing::Ed25519, Signing::Rsa] {
        figures.push(measured(bench, signing).await?);
    }
    Ok(figures)
}

async fn measured(bench: &Bench, signing: Signing) -> Result<Figure> {
    let aside = Aside::start("smtp-sink")?;
    let sink = aside.run(SmtpSink::start(Duration::ZERO, false)).await?;
    let mut settings = vec![
        ("WAYBILL_MAIL__HOST", "127.0.0.1".to_owned()),
        ("WAYBILL_MAIL__PORT", sink.address.port().to_string()),
        ("WAYBILL_MAIL__FROM_ADDRESS", "reports@bench.example".to_owned()),
    ];
    let name = match signing {
        Signing::None => "mail",
        Signing::Ed25519 => "mail_ed25519",
        Signing::Rsa => "mail_rsa",
    };
    settings.extend(signing.setting(&bench.scene.directory(&format!("bench-{name}-key")))?);
    let house = House::open(bench, name, &settings).await?;
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
    let (target, verdict) = match signing {
        Signing::None => {
            (">= 8,000/s until followers are at the head", Verdict::of(per_s >= 8_000.0))
        }
        Signing::Ed25519 | Signing::Rsa => ("beside the unsigned", Verdict::Told),
    };
    let what = format!(
        "mail, {}, one recipient each, {:.1} KB, recorded per recipient",
        signing.name(),
        each_bytes as f64 / 1024.0
    );
    let figure = Figure::new(&what, target, format!("{per_s:.0} mails/s; {lag}"), verdict);
    let detail =
        [format!("followers at the head after, s: {}", reached.names()), usage.each(mails)];
    let beside = format!("bare SMTP loop, {CONNECTIONS} connections: {bare:.0}/s");
    Ok(figure.beside(beside).on(&usage).detail(detail).detail(hot))
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
