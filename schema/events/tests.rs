//! The past stays readable: for every event version one golden file with payloads as they are stored, one a line, and
//! the values they mean. `WAYBILL_BLESS=1` writes the files of events that are new; a file once released is never
//! written again.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what it expected")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;

use super::samples::{plans, samples as first_samples};
use super::{
    ApiKeyEvent, CodecError, DeliveryEvent, DeliveryPlan, DistributionEvent, GroupEvent,
    LedgerEvent, RecipientEvent, ReportEvent, SubscriptionEvent, SuppressReason, TenantEvent,
    later,
};
use crate::{AggregateType, ColumnSpec, ColumnType, EventBody, Frame};

static BLESSED: Once = Once::new();

fn golden_dir() -> PathBuf {
    PathBuf::from("golden")
}

/// Every sample, with the name of its golden file's set: empty for what the event could say from the first.
fn named_samples() -> Vec<(&'static str, LedgerEvent)> {
    let first = first_samples().into_iter().map(|event| ("", event));
    first.chain(later::samples()).collect()
}

fn samples() -> Vec<LedgerEvent> {
    named_samples().into_iter().map(|(_, event)| event).collect()
}

fn golden_file(event: &LedgerEvent, version: &str, set: &str) -> PathBuf {
    let dot = if set.is_empty() { "" } else { "." };
    let file = format!("{}.v{version}{dot}{set}.json", event.event_type());
    golden_dir().join(event.aggregate_type().as_str()).join(file)
}

/// The names of all events of one kind of stream, from serde itself: what it says it expected.
fn event_types<E: EventBody>() -> Vec<String> {
    let Err(CodecError::Unknown { .. }) = E::decode("?", "1", "{}") else {
        panic!("an event named ? was read");
    };
    let said = serde_json::from_str::<E>(r#"{"?":{}}"#).unwrap_err().to_string();
    let (_, expected) = said.split_once("expected").unwrap();
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn all_event_types() -> BTreeSet<(AggregateType, String)> {
    fn of<E: EventBody>() -> impl Iterator<Item = (AggregateType, String)> {
        event_types::<E>().into_iter().map(|event_type| (E::AGGREGATE_TYPE, event_type))
    }
    of::<TenantEvent>()
        .chain(of::<ApiKeyEvent>())
        .chain(of::<ReportEvent>())
        .chain(of::<RecipientEvent>())
        .chain(of::<GroupEvent>())
        .chain(of::<SubscriptionEvent>())
        .chain(of::<DistributionEvent>())
        .chain(of::<DeliveryEvent>())
        .collect()
}

/// Samples by the file they belong to, in their order. Files that are missing are written first, if that is asked for.
#[expect(clippy::disallowed_methods, reason = "blessing is asked for by the environment")]
fn by_file() -> BTreeMap<PathBuf, Vec<LedgerEvent>> {
    let mut files: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (set, event) in named_samples() {
        files.entry(golden_file(&event, "1", set)).or_default().push(event);
    }
    if std::env::var_os("WAYBILL_BLESS").is_some_and(|bless| bless == "1") {
        BLESSED.call_once(|| files.iter().for_each(|(file, events)| write_once(file, events)));
    }
    files
}

fn write_once(file: &Path, events: &[LedgerEvent]) {
    if !file.exists() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, stored(events)).unwrap();
    }
}

fn stored(events: &[LedgerEvent]) -> String {
    events.iter().map(|event| event.encode().unwrap() + "\n").collect()
}

#[test]
fn every_event_has_a_sample() {
    let sampled: BTreeSet<_> = samples()
        .iter()
        .map(|event| (event.aggregate_type(), event.event_type().to_owned()))
        .collect();
    assert_eq!(sampled, all_event_types());
    assert_eq!(all_event_types().len(), 53);
}

#[test]
fn events_are_stored_as_they_always_were() {
    for (file, events) in by_file() {
        let golden = fs::read_to_string(&file)
            .unwrap_or_else(|e| panic!("{}: {e}; write it with WAYBILL_BLESS=1", file.display()));
        assert_eq!(stored(&events), golden, "{}", file.display());
    }
}

#[test]
fn events_are_read_as_they_always_were() {
    for (file, events) in by_file() {
        let golden = fs::read_to_string(&file).unwrap();
        let read: Vec<_> = golden
            .lines()
            .map(|payload| {
                let (kind, name) = (events[0].aggregate_type(), events[0].event_type());
                LedgerEvent::decode(kind, name, "1", payload).unwrap()
            })
            .collect();
        assert_eq!(read, events, "{}", file.display());
    }
}

/// What an event gained after its golden file was written: the file stays as it is, so the new words are told here.
#[test]
fn what_events_gained_later_is_stored_and_read_as_it_is() {
    let [planned, _] = plans();
    let of_group = DeliveryPlan { group: Some("desk-7".parse().unwrap()), ..planned };
    let cases: [(LedgerEvent, &str); 2] = [
        (
            DeliveryEvent::DeliverySuppressed { reason: SuppressReason::NotMember }.into(),
            r#""reason":"not_member""#,
        ),
        (DeliveryEvent::DeliveryScheduled(of_group).into(), r#""group":"desk-7""#),
    ];
    for (event, told) in cases {
        let payload = event.encode().unwrap();
        assert!(payload.contains(told), "{payload}");
        let (kind, name) = (event.aggregate_type(), event.event_type());
        assert_eq!(LedgerEvent::decode(kind, name, "1", &payload).unwrap(), event);
    }
}

/// A field that this program does not know, in every object but the maps: those have no fields.
fn as_a_newer_program_writes_it(payload: &mut serde_json::Value) {
    match payload {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                if !matches!(name.as_str(), "attributes" | "not_planned") {
                    as_a_newer_program_writes_it(value);
                }
            }
            fields.insert("field_of_the_future".to_owned(), serde_json::json!({ "n": [1] }));
        }
        serde_json::Value::Array(values) => {
            values.iter_mut().for_each(as_a_newer_program_writes_it);
        }
        _ => {}
    }
}

/// In a rolling upgrade the older node reads what the newer one has written.
#[test]
fn an_optional_field_of_the_future_is_passed_over() {
    for event in samples() {
        let mut payload = serde_json::from_str(&event.encode().unwrap()).unwrap();
        as_a_newer_program_writes_it(&mut payload);
        let (kind, name) = (event.aggregate_type(), event.event_type());
        let read = LedgerEvent::decode(kind, name, "1", &payload.to_string());
        assert_eq!(read.ok().as_ref(), Some(&event), "{payload}");
    }
}

#[test]
fn no_golden_file_is_without_its_event() {
    let known: BTreeSet<_> = by_file().into_keys().collect();
    for kind in AggregateType::ALL {
        for file in fs::read_dir(golden_dir().join(kind.as_str())).unwrap() {
            let file = file.unwrap().path();
            assert!(known.contains(&file), "{} belongs to no event", file.display());
        }
    }
}

#[test]
fn an_event_of_the_future_is_named_not_guessed() {
    for (event_type, version) in [("TenantCreated", "2"), ("TenantMerged", "1")] {
        let read = LedgerEvent::decode(AggregateType::Tenant, event_type, version, "{}");
        let Err(CodecError::Unknown { event_type: said, version: of, .. }) = read else {
            panic!("{read:?}");
        };
        assert_eq!((said.as_str(), of.as_str()), (event_type, version));
    }
}

/// Golden files stay as they were released; what optional fields spell is said here.
#[test]
fn fields_that_came_later_are_stored_as_they_say() {
    let columns = vec![
        ColumnSpec { name: "desk".to_owned(), kind: ColumnType::Text, nullable: false },
        ColumnSpec { name: "at".to_owned(), kind: ColumnType::Timestamp, nullable: true },
    ];
    let spelled =
        r#"[{"name":"desk","type":"text"},{"name":"at","type":"timestamp","nullable":true}]"#;
    for event in samples() {
        let (event, field) = match event {
            LedgerEvent::Report(ReportEvent::ReportRegistered(mut profile)) => {
                profile.columns.clone_from(&columns);
                (ReportEvent::ReportRegistered(profile).into(), format!(r#""columns":{spelled}"#))
            }
            LedgerEvent::Distribution(DistributionEvent::ReportReceived(mut version)) => {
                let (artifact, columns) = ("risk.csv".to_owned(), columns.clone());
                version.frame = Some(Frame { artifact, rows: 2, columns, longest_text: 4 });
                let told = format!(
                    r#""frame":{{"artifact":"risk.csv","rows":2,"columns":{spelled},"longest_text":4}}"#
                );
                (LedgerEvent::from(DistributionEvent::ReportReceived(version)), told)
            }
            _ => continue,
        };
        let stored = event.encode().unwrap();
        assert!(stored.contains(&field), "{stored}");
        let (kind, name) = (event.aggregate_type(), event.event_type());
        assert_eq!(LedgerEvent::decode(kind, name, "1", &stored).unwrap(), event);
    }
}

#[test]
fn a_text_with_nul_is_refused_and_one_that_spells_it_is_not() {
    let created = |title: &str| TenantEvent::TenantCreated { title: title.to_owned() };
    assert!(matches!(created("a\0b").encode(), Err(CodecError::Nul { .. })));
    assert!(matches!(created("\\\0").encode(), Err(CodecError::Nul { .. })));
    assert_eq!(created("\\u0000").encode().unwrap(), r#"{"title":"\\u0000"}"#);
}
