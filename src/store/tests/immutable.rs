//! What nobody may do to the log, tried as the application and as the owner, on the parent and on each partition.

use sqlx::postgres::PgConnection;
use sqlx::{Executor, Row};
use store::testing::TestLedger;

use crate::support::{one, started, unit};

async fn sqlstate(connection: &mut PgConnection, statement: &str) -> String {
    match connection.execute(statement).await {
        Ok(_) => "00000".into(),
        Err(error) => error.as_database_error().unwrap().code().unwrap().into_owned(),
    }
}

#[tokio::test]
async fn what_was_appended_cannot_be_changed_by_the_application_or_the_owner() {
    let test = TestLedger::start().await;
    test.ledger.append(one("a", 0)).await.unwrap();
    test.ledger.append(unit(vec![started(1, 0, 1)])).await.unwrap();
    let (mut owner, mut app) = (test.owner().await, test.app().await);
    let mut superuser = test.superuser().await;

    for table in ["events", "events_delivery", "events_rest"] {
        for statement in [
            format!("update {table} set event_type = 'x'"),
            format!("update {table} set event_type = 'x' where false"),
            format!("delete from {table}"),
            format!("delete from {table} where false"),
            format!("truncate {table}"),
            format!(
                "merge into {table} e using (select 1) s on e.position = 1 when matched then delete"
            ),
        ] {
            assert_eq!(sqlstate(&mut app, &statement).await, "42501", "app: {statement}");
            assert_eq!(sqlstate(&mut owner, &statement).await, "23001", "owner: {statement}");
            assert_eq!(sqlstate(&mut superuser, &statement).await, "23001", "root: {statement}");
        }
    }
    let count = owner.fetch_one("select count(*) from events").await.unwrap();
    assert_eq!(count.get::<i64, _>(0), 2);
}

#[tokio::test]
async fn the_application_cannot_forge_a_position_or_a_time() {
    let test = TestLedger::start().await;
    let mut app = test.app().await;
    let columns =
        "aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata";
    let values =
        "'tenant', 'acme', 1, 'TenantCreated', '1', '{\"title\":\"x\"}', '{\"tenant\":\"acme\"}'";
    for statement in [
        format!("insert into events ({columns}, position) values ({values}, 7)"),
        format!("insert into events ({columns}, recorded_at) values ({values}, now())"),
        format!("insert into events_rest ({columns}) values ({values})"),
        "select setval('events_position_seq', 1)".to_owned(),
        "alter sequence events_position_seq restart".to_owned(),
        "alter table events disable trigger all".to_owned(),
        "update command_log set outcome = 'x'".to_owned(),
        "delete from command_log".to_owned(),
    ] {
        assert_eq!(sqlstate(&mut app, &statement).await, "42501", "{statement}");
    }
    let honest = format!("insert into events ({columns}) values ({values})");
    assert_eq!(sqlstate(&mut app, &honest).await, "00000");
    assert_eq!(sqlstate(&mut app, &honest).await, "23505");
}

#[tokio::test]
async fn an_event_without_a_tenant_is_refused_by_the_table() {
    let test = TestLedger::start().await;
    let mut app = test.app().await;
    let statement = "insert into events \
        (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata) \
        values ('tenant', 'acme', 1, 'TenantCreated', '1', '{}', '{}')";
    assert_eq!(sqlstate(&mut app, statement).await, "23502");
}
