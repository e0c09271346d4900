//! However many rows an answer has, it takes the same statements.

use std::collections::BTreeMap;

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use super::world::World;

const EVERYTHING: &str = "query($d: ID!, $n: Int!) { deliveries(filter: { distribution: $d }, first: $n) {
    totalCount
    edges { node { id state timeline { summary reply { erased } detail }
        distributionNode { outcomes { scheduled } channels { channel } reportNode { title } }
        recipientNode { kind name { erased } addresses { value { erased } } entitlements { grant } }
        reportNode { owner } subscriptionNode { state recipientNode { id } reportNode { id } } } } } }";

const CALLS: &str = "select s.query, sum(s.calls)::bigint from pg_stat_statements s
    join pg_database d on d.oid = s.dbid join pg_roles r on r.oid = s.userid
    where d.datname = any($1) and r.rolname = 'waybill_app'
    and s.query not like all(array['%events_position_seq%', '%pg_locks%', '%pg_prepared_xacts%'])
    group by s.query";

/// Statements of the application in these databases so far, as the server counts them; without those by which the tail
/// looks for news, which comes whether anybody asks or not.
async fn calls(admin: &mut PgConnection, databases: &[String]) -> BTreeMap<String, i64> {
    let counted: Vec<(String, i64)> =
        sqlx::query_as(CALLS).bind(databases).fetch_all(admin).await.unwrap();
    counted.into_iter().collect()
}

/// Those that came since.
fn since(before: &BTreeMap<String, i64>, after: BTreeMap<String, i64>) -> BTreeMap<String, i64> {
    let more = |(query, calls): (String, i64)| {
        let more = calls - before.get(&query).copied().unwrap_or_default();
        (query, more)
    };
    after.into_iter().map(more).filter(|(_, more)| *more > 0).collect()
}

fn database(url: &str) -> String {
    url.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_forty_deliveries_takes_no_more_statements_than_one_of_one() {
    let world = World::peopled(39).await;
    let run = world.publish("v1").await;
    for name in ["bob", "r000", "r001", "r002", "r003"] {
        let id = world.delivery("v1", name).await;
        world.given_up(id, name).await;
    }
    world.settled().await;
    let mut admin =
        PgConnection::connect(world.api.ledger.admin_url.expose_secret()).await.unwrap();
    sqlx::query("create extension if not exists pg_stat_statements")
        .execute(&mut admin)
        .await
        .unwrap();
    let urls = [&world.api.ledger.app_url, &world.api.ledger.vault_url];
    let databases = urls.map(|url| database(url.expose_secret()));
    let reader = world.reader.clone();
    let api = world.api.router.clone();
    // The followers' own heartbeats would be counted.
    let kept = world.quiet().await;

    let mut taken = Vec::new();
    for rows in [1, 40] {
        let before = calls(&mut admin, &databases).await;
        let variables = json!({ "d": run, "n": rows });
        let told = super::world::plain(&api, &reader, EVERYTHING, variables).await;
        taken.push(since(&before, calls(&mut admin, &databases).await));
        assert!(told.get("errors").is_none(), "{told}");
        let edges = told["data"]["deliveries"]["edges"].as_array().map_or(0, Vec::len);
        assert_eq!((edges, &told["data"]["deliveries"]["totalCount"]), (rows, &Value::from(40)));
    }

    // A busy machine may tear a batch in several; a statement for each row would come 39 times more.
    let [one, forty] = &taken[..] else { unreachable!("two questions were asked") };
    assert!((10..=20).contains(&one.values().sum::<i64>()), "{one:#?}");
    for (statement, calls) in forty {
        let alone = one.get(statement).copied().unwrap_or_default();
        assert!(*calls <= alone + 10, "{alone} and {calls} times: {statement}");
    }
    drop(kept);
}
