use std::fs;
use std::path::Path;
use std::time::Duration;

use returns::{Lmtp, Maildir, ReturnsConfig};
use schema::events::{DeliveryEvent, Evidence};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use waybill_returns as returns;

use crate::support::{House, complaint, hard, out_of_office};

/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);

async fn until(what: &str, ask: impl Fn() -> bool) {
    let mut look = tokio::time::interval(Duration::from_millis(10));
    let looking = async {
        while !ask() {
            look.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("{what}"));
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

struct Watched {
    house: House,
    folder: TempDir,
}

impl Watched {
    async fn open() -> Self {
        let folder = TempDir::new().unwrap();
        let maildir = Some(folder.path().join("returns"));
        let config = ReturnsConfig {
            maildir,
            maildir_poll_ms: 10,
            max_message_bytes: 20_000,
            ..ReturnsConfig::default()
        };
        Self { house: House::open_with(config).await, folder }
    }

    fn watch(&self) -> (CancellationToken, JoinHandle<()>) {
        let stop = CancellationToken::new();
        let maildir = Maildir::open(&self.house.desk).unwrap().unwrap();
        (stop.clone(), tokio::spawn(maildir.run(stop)))
    }

    fn part(&self, part: &str) -> std::path::PathBuf {
        self.folder.path().join("returns").join(part)
    }

    /// As a mail server delivers: written elsewhere, then moved.
    fn deliver(&self, name: &str, raw: &[u8]) {
        fs::create_dir_all(self.part("tmp")).unwrap();
        fs::create_dir_all(self.part("new")).unwrap();
        fs::write(self.part("tmp").join(name), raw).unwrap();
        fs::rename(self.part("tmp").join(name), self.part("new").join(name)).unwrap();
    }
}

#[tokio::test]
async fn what_lies_in_a_maildir_is_recorded_then_moved() {
    let watched = Watched::open().await;
    let id = watched.house.accepted("v1").await;
    let mark = watched.house.mark(id);
    watched.deliver("1", hard(&mark).as_bytes());
    let (stop, watching) = watched.watch();
    until("the first was moved", || names(&watched.part("cur")) == ["1:2,S"]).await;
    watched.deliver("2", complaint("abuse", &mark).as_bytes());
    watched.deliver("3", out_of_office(&mark).as_bytes());
    until("all were moved", || names(&watched.part("cur")).len() == 3).await;
    stop.cancel();
    watching.await.unwrap();
    assert_eq!(names(&watched.part("new")), Vec::<String>::new());
    assert_eq!(watched.house.learned(id).await.len(), 3);
}

#[tokio::test]
async fn what_was_recorded_before_a_crash_is_recorded_once_and_moved_after_it() {
    let watched = Watched::open().await;
    let id = watched.house.accepted("v1").await;
    let raw = hard(&watched.house.mark(id));
    watched.deliver("1", raw.as_bytes());
    // Killed between the two: recorded, not moved.
    watched.house.feed(&raw).await.unwrap();
    let (stop, watching) = watched.watch();
    until("it was moved", || names(&watched.part("cur")) == ["1:2,S"]).await;
    stop.cancel();
    watching.await.unwrap();
    assert_eq!(watched.house.learned(id).await.len(), 1);
}

#[tokio::test]
async fn what_can_never_be_taken_is_set_aside_with_its_reason_and_stops_nothing() {
    let watched = Watched::open().await;
    let id = watched.house.accepted("v1").await;
    let mark = watched.house.mark(id);
    let forged = format!("{}{}", if mark.starts_with('a') { "b" } else { "a" }, &mark[1..]);
    watched.deliver("1", b"\xff\xfe no message");
    watched.deliver("2", hard(&forged).as_bytes());
    watched.deliver("3", &[b'x'; 20_001]);
    watched.deliver("4", hard(&mark).as_bytes());
    let (stop, watching) = watched.watch();
    until("the good one was moved", || names(&watched.part("cur")) == ["4:2,S"]).await;
    stop.cancel();
    watching.await.unwrap();
    let rejected = watched.part(".rejected");
    let expected = ["1", "1.reason", "2", "2.reason", "3", "3.reason"];
    assert_eq!(names(&rejected), expected);
    let reasons = ["1", "2", "3"].map(|name| {
        let text = fs::read_to_string(rejected.join(format!("{name}.reason"))).unwrap();
        text.split(':').next().unwrap().to_owned()
    });
    assert_eq!(reasons, ["unreadable", "forged", "too_large"]);
}

#[tokio::test]
async fn what_comes_too_early_stays_where_it_is() {
    let watched = Watched::open().await;
    let id = watched.house.started("v1").await;
    watched.deliver("1", hard(&watched.house.mark(id)).as_bytes());
    let other = watched.house.accepted("v2").await;
    watched.deliver("2", hard(&watched.house.mark(other)).as_bytes());
    let (stop, watching) = watched.watch();
    until("the other was moved", || names(&watched.part("cur")) == ["2:2,S"]).await;
    stop.cancel();
    watching.await.unwrap();
    assert_eq!(names(&watched.part("new")), ["1"]);
    assert_eq!(names(&watched.part(".rejected")), Vec::<String>::new());
    watched.house.accept(id).await;
    let (stop, watching) = watched.watch();
    until("it was moved in the end", || names(&watched.part("new")).is_empty()).await;
    stop.cancel();
    watching.await.unwrap();
    assert_eq!(watched.house.learned(id).await.len(), 1);
}

/// A mail server's side of a conversation.
struct Client<S> {
    stream: BufReader<S>,
}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> Client<S> {
    fn new(stream: S) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line);
        tokio::time::timeout(PATIENCE, read).await.unwrap().unwrap();
        line.trim_end().to_owned()
    }

    /// The last line of the answer to `said`.
    async fn ask(&mut self, said: &str) -> String {
        self.stream.write_all(format!("{said}\r\n").as_bytes()).await.unwrap();
        loop {
            let line = self.line().await;
            if line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        }
    }
}

async fn listening(config: ReturnsConfig) -> (House, u16, CancellationToken) {
    let lmtp_bind = Some("127.0.0.1:0".to_owned());
    let house = House::open_with(ReturnsConfig { lmtp_bind, ..config }).await;
    let lmtp = Lmtp::open(&house.desk).await.unwrap().unwrap();
    let (port, stop) = (lmtp.port().unwrap(), CancellationToken::new());
    let stopped = stop.clone();
    tokio::spawn(async move { lmtp.run(stopped).await.unwrap() });
    (house, port, stop)
}

async fn connect(port: u16) -> Client<TcpStream> {
    let mut client = Client::new(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    assert_eq!(client.line().await, "220 waybill LMTP");
    client
}

#[tokio::test]
async fn each_recipient_of_a_message_has_its_own_answer_and_250_means_recorded() {
    let (house, port, _stop) = listening(ReturnsConfig::default()).await;
    let (one, two) = (house.accepted("v1").await, house.started("v2").await);
    let mut client = connect(port).await;
    assert!(client.ask("LHLO mx.example").await.starts_with("250 SIZE "));
    assert!(client.ask("MAIL FROM:<>").await.starts_with("250 "));
    let at = |mark: &str| format!("RCPT TO:<bounce+{}@returns.acme.example>", mark.to_uppercase());
    for mark in [house.mark(one), house.mark(two), "nobody".to_owned()] {
        assert!(client.ask(&at(&mark)).await.starts_with("250 "));
    }
    assert!(client.ask("DATA").await.starts_with("354 "));
    let raw = hard("unmarked").replace("Sorry.", "Sorry.\r\n..\r\n");
    let first = client.ask(&format!("{raw}.")).await;
    assert_eq!(first, format!("250 2.0.0 recorded for {one}"));
    assert_eq!(house.learned(one).await.len(), 1);
    assert_eq!(client.line().await, "451 4.3.0 not yet: delivery_open");
    assert!(client.line().await.starts_with("550 5.7.1 it carries no mark"));
    assert!(client.ask("QUIT").await.starts_with("221 "));
}

#[tokio::test]
async fn commands_out_of_order_and_over_their_bounds_are_refused_and_end_nothing() {
    let config = ReturnsConfig { max_message_bytes: 10_000, ..ReturnsConfig::default() };
    let (house, port, _stop) = listening(config).await;
    let id = house.accepted("v1").await;
    let mut client = connect(port).await;
    for (said, answer) in [
        ("EHLO mx.example", "500"),
        ("MAIL FROM:<>", "503"),
        ("LHLO mx.example", "250"),
        ("RCPT TO:<a@b.example>", "503"),
        ("DATA", "503"),
        ("MAIL TO:<>", "501"),
        ("MAIL FROM:<> SIZE=10001", "552"),
        ("MAIL FROM:<> BODY=8BITMIME SIZE=900", "250"),
        ("MAIL FROM:<>", "503"),
        ("RCPT TO:<>", "501"),
        ("RCPT TO:a@b.example", "501"),
        ("WHAT", "500"),
        ("NOOP", "250"),
        ("VRFY ada", "252"),
        ("RSET", "250"),
        ("MAIL FROM:<x@y.example>", "250"),
        ("RCPT TO:<a@b.example>", "250"),
        ("DATA", "354"),
    ] {
        assert_eq!(client.ask(said).await.get(..3), Some(answer), "{said}");
    }
    let long = "x".repeat(20_000);
    assert!(client.ask(&format!("{long}\r\n.")).await.starts_with("552 5.3.4 "));
    assert!(client.ask(&"y".repeat(3_000)).await.starts_with("500 5.5.2 "));
    assert!(client.ask("MAIL FROM:<>").await.starts_with("250 "));
    for n in 0..100 {
        assert!(client.ask(&format!("RCPT TO:<a{n}@b.example>")).await.starts_with("250 "));
    }
    assert!(client.ask("RCPT TO:<a@b.example>").await.starts_with("452 "));
    // Ten of the above were mistakes.
    for _ in 0..11 {
        client.stream.write_all(b"WHAT\r\n").await.unwrap();
    }
    let mut last = String::new();
    loop {
        let line = client.line().await;
        if line.is_empty() {
            break;
        }
        last = line;
    }
    assert!(last.starts_with("421 "), "{last}");

    let mut next = connect(port).await;
    assert!(next.ask("LHLO mx.example").await.starts_with("250 "));
    assert!(next.ask("MAIL FROM:<>").await.starts_with("250 "));
    let rcpt = format!("RCPT TO:<bounce+{}@r.example>", house.mark(id));
    assert!(next.ask(&rcpt).await.starts_with("250 "));
    next.ask("DATA").await;
    let answer = next.ask(&format!("{}.", out_of_office("unmarked"))).await;
    assert!(answer.starts_with("250 2.0.0 recorded"), "{answer}");
    let evidence = Evidence::AutoReplied;
    assert_eq!(house.learned(id).await, [DeliveryEvent::EvidenceRecorded { evidence }]);
}

#[tokio::test]
async fn a_unix_socket_serves_as_well_and_a_dead_one_is_removed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("lmtp");
    let lmtp_bind = Some(format!("unix:{}", path.display()));
    let house = House::open_with(ReturnsConfig { lmtp_bind, ..ReturnsConfig::default() }).await;
    // What a killed process leaves behind.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let lmtp = Lmtp::open(&house.desk).await.unwrap().unwrap();
    assert!(Lmtp::open(&house.desk).await.is_err(), "the first still listens");
    let stop = CancellationToken::new();
    let running = tokio::spawn(lmtp.run(stop.clone()));
    let mut client = Client::new(UnixStream::connect(&path).await.unwrap());
    assert_eq!(client.line().await, "220 waybill LMTP");
    assert!(client.ask("LHLO mx.example").await.starts_with("250 "));
    stop.cancel();
    assert_eq!(client.line().await, "421 4.3.2 going down");
    running.await.unwrap().unwrap();
    assert!(!path.exists());
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a test is told of its judge by the environment")]
async fn pythons_own_lmtp_client_is_understood_and_told_what_became_of_it() {
    const HAND_IN: &str = "import smtplib, sys\n\
        client = smtplib.LMTP('127.0.0.1', int(sys.argv[1]))\n\
        for name in sys.argv[2:4]:\n    \
            try: print(client.sendmail('', ['bounce+' + name + '@returns.acme.example'], sys.argv[4].encode()))\n    \
            except smtplib.SMTPDataError as refused: print(refused.smtp_code)\n\
        client.quit()\n";
    let (house, port, _stop) = listening(ReturnsConfig::default()).await;
    let id = house.accepted("v1").await;
    let python = std::env::var("WAYBILL_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut client = tokio::process::Command::new(python);
    client.arg("-c").arg(HAND_IN).arg(port.to_string()).arg(house.mark(id)).arg("nobody");
    let ended = client.arg(hard("unmarked")).output().await.unwrap();
    let said = String::from_utf8(ended.stdout).unwrap();
    assert_eq!(said, "{}\n550\n", "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(house.learned(id).await.len(), 1);
}
