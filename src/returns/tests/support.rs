//! A ledger with one recipient and mails to it that a relay has taken, and messages that come back.

use std::sync::Arc;

use returns::{Incoming, Recorded, ReturnDesk, ReturnError, ReturnsConfig};
use schema::events::{
    AttemptOutcome, DeliveryEvent, DeliveryPlan, RecipientEvent, RecipientKind, RecipientProfile,
};
use schema::{
    Actor, ChannelKind, DeliveryId, DistributionId, LedgerEvent, Metadata, Proof, Receipt,
    RetrySchedule, Sha256, StreamId, TenantId, Timestamp,
};
use store::testing::TestLedger;
use store::{Append, Unit};
use waybill_returns as returns;

pub const NOW: Timestamp = Timestamp::from_unix_micros(1_795_392_000_000_000);
/// What a server says of a mailbox that is not there: it quotes the address.
pub const SAID: &str = "550 5.1.1 <ada@customer.example>: User unknown";

pub fn tenant() -> TenantId {
    "acme".parse().unwrap()
}

pub fn ada() -> StreamId {
    StreamId::recipient(&tenant(), &"ada".parse().unwrap())
}

pub fn delivery(version: &str) -> DeliveryId {
    DeliveryId::of(distribution(version), NOW, &"ada".parse().unwrap(), ChannelKind::Mail, 0)
}

fn distribution(version: &str) -> DistributionId {
    DistributionId::of(&tenant(), &"risk".parse().unwrap(), &version.parse().unwrap())
}

pub struct House {
    pub store: TestLedger,
    pub desk: Arc<ReturnDesk>,
}

impl House {
    /// With ada in it, reached at `work`.
    pub async fn open() -> Self {
        Self::open_with(ReturnsConfig::default()).await
    }

    pub async fn open_with(config: ReturnsConfig) -> Self {
        let store = TestLedger::start().await;
        let (ledger, vault) = (Arc::clone(&store.ledger), Arc::clone(&store.vault));
        let desk = Arc::new(ReturnDesk::new(ledger, vault, config));
        let house = Self { store, desk };
        let profile = RecipientProfile {
            kind: RecipientKind::Person,
            name: None,
            locale: "en".to_owned(),
            zone: "UTC".parse().unwrap(),
        };
        let registered = RecipientEvent::RecipientRegistered(profile);
        let added = RecipientEvent::AddressAdded {
            address: "work".parse().unwrap(),
            channel: ChannelKind::Mail,
            value: house.sealed("ada@customer.example").await,
            destination: "d1".parse().unwrap(),
            revision: 1,
        };
        house.append(ada(), vec![registered.into(), added.into()]).await;
        house
    }

    pub async fn sealed(&self, value: &str) -> schema::Sealed {
        let place = format!("{}#address/work", ada());
        let vault = &self.store.vault;
        vault.seal(&tenant(), &"ada".parse().unwrap(), &place, value).await.unwrap()
    }

    pub async fn append(&self, stream: StreamId, events: Vec<LedgerEvent>) {
        let expected = self.past(&stream).await.len();
        let mut unit = Unit::new(Metadata::new(tenant(), Actor::new("cli", "test")));
        let expected = i64::try_from(expected).unwrap();
        unit.appends.push(Append { stream, expected, events });
        self.store.ledger.append(unit).await.unwrap();
    }

    pub async fn past(&self, stream: &StreamId) -> Vec<LedgerEvent> {
        let events = self.store.ledger.load_stream(stream, 0).await.unwrap();
        events.into_iter().map(|recorded| recorded.event).collect()
    }

    /// A mail of this version, under way.
    pub async fn started(&self, version: &str) -> DeliveryId {
        let plan = DeliveryPlan {
            distribution: distribution(version),
            report: "risk".parse().unwrap(),
            version: version.parse().unwrap(),
            recipient: "ada".parse().unwrap(),
            channel: ChannelKind::Mail,
            subscription: "s1".parse().unwrap(),
            subscription_version: 1,
            group: None,
            grant: "desk".parse().unwrap(),
            slice: 0,
            address: "work".parse().unwrap(),
            destination: "d1".parse().unwrap(),
            format: None,
            received_at: NOW,
            deadline: NOW.plus_ms(3_600_000),
            retry: RetrySchedule {
                base_ms: 1_000,
                cap_ms: 1_000,
                attempt_limit: 3,
                retry_after_cap_ms: 1_000,
                doubt_limit: 1,
            },
            resend_of: None,
            resend: 0,
            planned: None,
        };
        let node = "n1".to_owned();
        let started = DeliveryEvent::AttemptStarted { attempt: 1, node, address_revision: 1 };
        let planned = DeliveryEvent::DeliveryScheduled(plan);
        self.append(StreamId::delivery(delivery(version)), vec![planned.into(), started.into()])
            .await;
        delivery(version)
    }

    /// A mail of this version that the relay took.
    pub async fn accepted(&self, version: &str) -> DeliveryId {
        let id = self.started(version).await;
        self.accept(id).await;
        id
    }

    /// The relay took it.
    pub async fn accept(&self, id: DeliveryId) {
        let receipt = Receipt {
            proof: Proof::Accepted,
            status: 250,
            content_sha256: Sha256::of(b"mail"),
            content_bytes: 4,
            reply: None,
        };
        let outcome = AttemptOutcome::Succeeded { receipt };
        let (sent_at, elapsed_us) = (Some(NOW), Some(1_500));
        let ended = DeliveryEvent::AttemptEnded { attempt: 1, sent_at, elapsed_us, outcome };
        self.append(StreamId::delivery(id), vec![ended.into()]).await;
    }

    pub fn mark(&self, id: DeliveryId) -> String {
        self.store.vault.return_mark(id)
    }

    pub async fn feed(&self, raw: &str) -> Result<Recorded, ReturnError> {
        self.desk.record(&Incoming::by("test", raw.as_bytes(), &[])).await
    }

    /// What happened to ada's address since it was added.
    pub async fn since(&self) -> Vec<RecipientEvent> {
        let past = self.past(&ada()).await;
        let events = past.into_iter().skip(2).map(|event| match event {
            LedgerEvent::Recipient(event) => event,
            other => panic!("{other:?}"),
        });
        events.collect()
    }

    /// What was learned of a delivery after it was closed.
    pub async fn learned(&self, id: DeliveryId) -> Vec<DeliveryEvent> {
        let past = self.past(&StreamId::delivery(id)).await;
        let events = past.into_iter().skip(3).map(|event| match event {
            LedgerEvent::Delivery(event) => event,
            other => panic!("{other:?}"),
        });
        events.collect()
    }
}

/// A delivery status for the mail with this mark.
pub fn bounce(mark: &str, action: &str, status: &str, said: &str) -> String {
    format!(
        "From: MAILER-DAEMON@mx.example\r\nTo: <bounce+{mark}@returns.acme.example>\r\nSubject: Undelivered\r\n\
         Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n\
         --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n\
         Final-Recipient: rfc822; ada@customer.example\r\nAction: {action}\r\nStatus: {status}\r\n\
         Diagnostic-Code: smtp; {said}\r\n\r\n--b--\r\n"
    )
}

pub fn hard(mark: &str) -> String {
    bounce(mark, "failed", "5.1.1", SAID)
}

pub fn soft(mark: &str) -> String {
    bounce(mark, "failed", "4.4.7", "451 4.4.7 expired")
}

/// A feedback report that quotes an original with this mark.
pub fn complaint(kind: &str, mark: &str) -> String {
    format!(
        "From: feedback@provider.example\r\nTo: abuse@acme.example\r\nSubject: FW\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=feedback-report; boundary=\"b\"\r\n\r\n\
         --b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: {kind}\r\nVersion: 1\r\n\
         User-Agent: X/1\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: reports@acme.example\r\n\
         X-Waybill-Return: {mark}\r\nSubject: Risk\r\n\r\nHello\r\n--b--\r\n"
    )
}

pub fn out_of_office(mark: &str) -> String {
    format!(
        "From: ada@customer.example\r\nTo: bounce+{mark}@returns.acme.example\r\nSubject: Away\r\n\
         Auto-Submitted: auto-replied\r\n\r\nBack on Monday.\r\n"
    )
}
