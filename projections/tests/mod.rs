//! What holds for every projection: the same log leaves the same bytes, however it is cut.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a failed unwrap fails the test")]

pub mod history;

use std::collections::BTreeMap;

use schema::RecordedEvent;

use crate::testing::Tables;
use crate::{ALL, Projection};

use self::history::history_with_inboxes;

#[tokio::test]
async fn however_the_log_is_cut_into_batches_the_rows_are_the_same() {
    let log = history_with_inboxes();
    let mut tables = Tables::start().await;
    for new in ALL {
        let mut dumps = Vec::new();
        for cut in [1, 2, 3, 7, log.events.len()] {
            let projection = new();
            tables.empty(projection.as_ref()).await;
            tables.fold(projection.as_ref(), &log, cut).await;
            dumps.push(tables.dump(projection.as_ref()).await);
        }
        assert!(!dumps[0].is_empty(), "the history says nothing to {}", new().name());
        for dump in &dumps[1..] {
            assert_eq!(dump, &dumps[0], "{} depends on how the log is cut", new().name());
        }
    }
}

#[tokio::test]
async fn whole_streams_folded_at_once_leave_the_same_rows() {
    let log = history_with_inboxes();
    let mut tables = Tables::start().await;
    for new in ALL {
        let projection = new();
        tables.fold(projection.as_ref(), &log, log.events.len()).await;
        let expected = tables.dump(projection.as_ref()).await;
        let mut streams: BTreeMap<String, Vec<&RecordedEvent>> = BTreeMap::new();
        for event in &log.events {
            if projection.follows().contains(&event.stream.aggregate_type) {
                streams.entry(event.stream.to_string()).or_default().push(event);
            }
        }
        let streams: Vec<Vec<&RecordedEvent>> = streams.into_values().rev().collect();
        for cut in [1, 2, streams.len()] {
            tables.empty(projection.as_ref()).await;
            for part in streams.chunks(cut) {
                projection.build(&mut tables.conn, &part.concat()).await.expect("a fold");
            }
            let built = tables.dump(projection.as_ref()).await;
            assert_eq!(built, expected, "{} in parts of {cut} streams", projection.name());
        }
    }
}

#[tokio::test]
async fn what_is_remembered_in_memory_changes_no_row() {
    let log = history_with_inboxes();
    let mut tables = Tables::start().await;
    for new in ALL {
        let remembering = new();
        tables.fold(remembering.as_ref(), &log, 3).await;
        let expected = tables.dump(remembering.as_ref()).await;
        tables.empty(remembering.as_ref()).await;
        let forgetful = new();
        for event in &log.events {
            if forgetful.follows().contains(&event.stream.aggregate_type) {
                forgetful.forget();
                forgetful.apply(&mut tables.conn, &[event]).await.expect("a fold");
            }
        }
        assert_eq!(tables.dump(forgetful.as_ref()).await, expected);
    }
}

#[tokio::test]
async fn each_table_belongs_to_one_projection_and_is_listed_with_its_key() {
    let mut tables = Tables::start().await;
    let mut listed: Vec<(String, String)> = ALL
        .iter()
        .flat_map(|new| new().tables())
        .map(|table| (table.name.to_owned(), table.key.join(",")))
        .collect();
    listed.sort();
    let found: Vec<(String, String)> = sqlx::query_as(
        "select c.relname, string_agg(a.attname, ',' order by k.place)
         from pg_class c join pg_index i on i.indrelid = c.oid and i.indisprimary
         cross join lateral unnest(i.indkey) with ordinality as k (attnum, place)
         join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
         where c.relnamespace = 'read'::regnamespace group by 1 order by 1",
    )
    .fetch_all(&mut tables.conn)
    .await
    .expect("a server that answers");
    assert_eq!(listed, found);
}

#[tokio::test]
async fn an_event_of_something_that_was_lost_is_refused() {
    let log = history_with_inboxes();
    let mut tables = Tables::start().await;
    for new in ALL {
        let projection = new();
        let kinds = projection.follows();
        let orphan = log.events.iter().rev().find(|event| {
            kinds.contains(&event.stream.aggregate_type)
                && event.sequence > 1
                && event.stream.aggregate_type != schema::AggregateType::Tenant
        });
        let orphan = orphan.expect("a second event of each kind");
        let refused = projection.apply(&mut tables.conn, &[orphan]).await.unwrap_err();
        assert!(refused.to_string().contains("rebuild"), "{}: {refused}", projection.name());
    }
}

/// A new projection that forgets its table or its line would still compile.
#[test]
fn projections_have_names_of_their_own() {
    let mut names: Vec<&str> = ALL.iter().map(|new| Projection::name(new().as_ref())).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ALL.len());
}
