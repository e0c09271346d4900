//! cqrs-es over the ledger.

use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent};
use futures::future::join_all;
use schema::events::{EventBody, PauseScope, TenantEvent};
use schema::{Actor, Metadata, Sha256, TenantId};
use serde::{Deserialize, Serialize};
use store::testing::TestLedger;
use store::{AppendError, CommandRecord, CommandScope, ExecuteError};

use crate::support::{metadata, one, stream, tenant};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Spoken(TenantEvent);

impl DomainEvent for Spoken {
    fn event_type(&self) -> String {
        EventBody::event_type(&self.0).to_owned()
    }

    fn event_version(&self) -> String {
        EventBody::event_version(&self.0).to_owned()
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Pauses {
    count: u32,
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("paused too often")]
struct TooOften;

impl Aggregate for Pauses {
    const TYPE: &'static str = "tenant";
    type Command = u32;
    type Event = Spoken;
    type Error = TooOften;
    type Services = ();

    /// Pauses `most` times at most; 0 asks for nothing.
    async fn handle(&mut self, most: u32, _: &(), sink: &EventSink<Self>) -> Result<(), TooOften> {
        if most == 0 {
            return Ok(());
        }
        if self.count >= most {
            return Err(TooOften);
        }
        let reason = format!("pause {}", self.count + 1);
        let event = TenantEvent::DispatchPaused { scope: PauseScope::All, reason };
        sink.write(Spoken(event), self).await;
        Ok(())
    }

    fn apply(&mut self, _: Spoken) {
        self.count += 1;
    }
}

#[tokio::test]
async fn a_command_is_decided_on_the_streams_own_past() {
    let test = TestLedger::start().await;
    let (acme, scope) = (stream("acme"), CommandScope::new(metadata()));

    for expected in 1..=2 {
        let (appended, sequence) =
            test.ledger.execute::<Pauses>(&acme, 2, scope.clone()).await.unwrap();
        assert_eq!((appended.events.len(), sequence), (1, expected));
    }
    let refused = test.ledger.execute::<Pauses>(&acme, 2, scope.clone()).await;
    assert!(matches!(refused, Err(ExecuteError::Refused(TooOften))));
    let (appended, sequence) = test.ledger.execute::<Pauses>(&acme, 0, scope).await.unwrap();
    assert_eq!((appended.events.len(), sequence), (0, 2));

    let read = test.ledger.load_stream(&acme, 1).await.unwrap();
    let second = TenantEvent::DispatchPaused { scope: PauseScope::All, reason: "pause 2".into() };
    assert_eq!(read[0].event, second.into());
}

#[tokio::test]
async fn whoever_was_slower_decides_again() {
    let test = TestLedger::start().await;
    let acme = stream("acme");
    let runs = (0..6).map(|_| {
        let scope = CommandScope::new(metadata());
        test.ledger.execute::<Pauses>(&acme, 100, scope)
    });
    let mut sequences: Vec<i64> =
        join_all(runs).await.into_iter().map(|run| run.unwrap().1).collect();
    sequences.sort_unstable();
    assert_eq!(sequences, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn a_stream_of_another_tenant_is_out_of_reach() {
    let test = TestLedger::start().await;
    test.ledger.append(one("acme", 0)).await.unwrap();
    let other = Metadata::new(TenantId::try_new("other").unwrap(), Actor::new("key", "1"));
    let refused = test.ledger.execute::<Pauses>(&stream("acme"), 9, CommandScope::new(other)).await;
    assert!(
        matches!(refused, Err(ExecuteError::OtherTenant { stream: named }) if named == stream("acme"))
    );
}

#[tokio::test]
async fn a_command_that_changes_nothing_keeps_its_outcome_all_the_same() {
    let test = TestLedger::start().await;
    let body_sha256 = Sha256::of(b"body");
    let command = CommandRecord { id: "key:9".into(), body_sha256, outcome: "{}".into() };
    let scope = CommandScope::new(metadata()).with_command(command);
    let acme = stream("acme");

    test.ledger.execute::<Pauses>(&acme, 0, scope.clone()).await.unwrap();

    assert!(test.ledger.command(&tenant(), "key:9", &body_sha256).await.unwrap().is_some());
    let again = test.ledger.execute::<Pauses>(&acme, 5, scope).await;
    assert!(matches!(again, Err(ExecuteError::Append(AppendError::CommandSeen { .. }))));
}

#[tokio::test]
async fn what_the_events_make_necessary_is_written_with_them() {
    let test = TestLedger::start().await;
    let scope = CommandScope::new(metadata()).completing(|unit| {
        let sequence = unit.appends[0].expected + 1;
        let outcome = format!("{{\"sequence\":{sequence}}}");
        let body_sha256 = Sha256::of(b"body");
        unit.command = Some(CommandRecord { id: "derived".into(), body_sha256, outcome });
    });
    test.ledger.execute::<Pauses>(&stream("acme"), 5, scope).await.unwrap();
    let kept = test.ledger.command(&tenant(), "derived", &Sha256::of(b"body")).await.unwrap();
    let outcome = "{\"sequence\":1}".to_owned();
    assert_eq!(kept, Some(store::CommandOutcome::Seen { outcome }));
}
