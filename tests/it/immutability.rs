use sqlx::{Executor, PgConnection};

use crate::support::Scene;

const APP: &str = "WAYBILL_DATABASE__URL";
const OWNER: &str = "WAYBILL_DATABASE__OWNER_URL";
/// SQLSTATE insufficient_privilege.
const NOT_ALLOWED: &str = "42501";
/// SQLSTATE restrict_violation, which the trigger raises.
const IMMUTABLE: &str = "23001";

async fn state_of(connection: &mut PgConnection, sql: &str) -> String {
    let refused = connection.execute(sql).await;
    let error = refused.expect_err(sql);
    let error = error.as_database_error().unwrap_or_else(|| panic!("{sql}: {error}"));
    error.code().unwrap().into_owned()
}

#[tokio::test]
async fn nobody_changes_or_removes_an_event_in_any_table_that_holds_them() {
    let scene = Scene::set().await;
    let before = scene.count("select count(*) from events where $1 = $1", "").await;
    assert!(before > 0, "an empty log proves nothing");
    for (user, expected) in [(APP, NOT_ALLOWED), (OWNER, IMMUTABLE)] {
        let mut connection = scene.connect(user).await;
        for table in ["events", "events_delivery", "events_rest"] {
            for sql in [
                format!("update {table} set payload = '{{}}'"),
                format!("update {table} set payload = '{{}}' where false"),
                format!("delete from {table}"),
                format!("truncate {table}"),
            ] {
                assert_eq!(state_of(&mut connection, &sql).await, expected, "{user}: {sql}");
            }
        }
    }
    let after = scene.count("select count(*) from events where $1 = $1", "").await;
    assert_eq!(before, after);
}

#[tokio::test]
async fn the_application_names_neither_position_nor_time_of_what_it_adds() {
    let scene = Scene::set().await;
    let mut connection = scene.connect(APP).await;
    let insert = |column: &str, value: &str| {
        format!(
            "insert into events (aggregate_type, aggregate_id, sequence, event_type, event_version, \
             payload, metadata{column}) values ('report', 'acme/x', 1, 'X', '1', '{{}}', \
             '{{\"tenant\": \"acme\"}}'{value})"
        )
    };
    for (column, value) in [(", position", ", 1"), (", recorded_at", ", now()")] {
        let sql = insert(column, value);
        assert_eq!(state_of(&mut connection, &sql).await, NOT_ALLOWED, "{sql}");
    }
    connection.execute(insert("", "").as_str()).await.expect("without them it is added");
    let sql = "select setval('events_position_seq', 1)";
    assert_eq!(state_of(&mut connection, sql).await, NOT_ALLOWED);
}
