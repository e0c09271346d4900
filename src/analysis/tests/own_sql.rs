use std::time::{Duration, Instant};

use analysis::{AnalysisError, AnalyticsConfig};
use analytics::OwnSql;
use serde_json::json;

use crate::support::{config, desk, desk_with};

fn sql(text: &str) -> OwnSql {
    OwnSql(text.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_of_ones_own_sees_ones_own_tenant_alone() {
    let desk = desk(6_000).await;
    let answer = desk.ask("t0", sql("select distinct tenant from events")).await;
    assert_eq!(answer.rows, [json!({ "tenant": "t0" })]);
    assert_eq!(answer.position, desk.head);
    let answer =
        desk.ask("t1", sql("select count(*) as n from deliveries where tenant <> 't1'")).await;
    assert_eq!(answer.rows, [json!({ "n": 0 })]);
    let mine = desk.ask("t1", sql("select count(*) as n from events")).await;
    let counted: i64 = sqlx::query_scalar("select count(*) from events where tenant = 't1'")
        .fetch_one(&mut desk.test.owner().await)
        .await
        .unwrap();
    assert_eq!(mine.rows, [json!({ "n": counted })]);
    let nobody = desk.ask("nobody", sql("select count(*) as n from events")).await;
    assert_eq!(nobody.rows, [json!({ "n": 0 })]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_leaves_its_tables() {
    let desk = desk(3_000).await;
    let folder = desk.folder.path().display().to_string();
    let attempts = [
        "copy (select 1) to '/tmp/waybill-escape.csv'".to_owned(),
        "create table mine as select * from events".to_owned(),
        "insert into events select * from events".to_owned(),
        "delete from events".to_owned(),
        "attach '/tmp/waybill-escape.db' as other".to_owned(),
        "set enable_external_access = true".to_owned(),
        "reset lock_configuration".to_owned(),
        "pragma database_list".to_owned(),
        "install httpfs".to_owned(),
        "load httpfs".to_owned(),
        "call pragma_version()".to_owned(),
        "export database '/tmp/waybill-escape'".to_owned(),
        "select 1; select 2".to_owned(),
        "with gone as (delete from events returning *) select * from gone".to_owned(),
        "select * from read_csv('/etc/passwd')".to_owned(),
        "select * from read_text('/etc/passwd')".to_owned(),
        "select * from read_blob('/proc/self/environ')".to_owned(),
        "select * from '/etc/passwd'".to_owned(),
        "select * from glob('/etc/*')".to_owned(),
        "select * from sniff_csv('/etc/passwd')".to_owned(),
        "select * from read_json('http://127.0.0.1:9/x')".to_owned(),
        "select * from read_parquet('https://127.0.0.1:9/x.parquet')".to_owned(),
        "select * from read_parquet('s3://bucket/x.parquet')".to_owned(),
        format!("select * from read_parquet('{folder}/events/*/tenant=t1/*.parquet')"),
        format!(
            "select * from read_parquet('{folder}/events/date=2026-01-05/tenant=t1/0.parquet')"
        ),
        format!("select * from glob('{folder}/**')"),
        "select * from query('copy (select 1) to ''/tmp/waybill-escape.csv''')".to_owned(),
        "select getenv('PATH')".to_owned(),
        "select 1) as x; drop view events; select (2".to_owned(),
    ];
    let tenant = "t0".parse().unwrap();
    for attempt in &attempts {
        let said = desk.analyst.ask(&tenant, desk.head, sql(attempt)).await;
        let Err(AnalysisError::Refused { reason }) = said else { panic!("{attempt}: {said:?}") };
        println!("{attempt}\n    {reason}");
    }
    println!("{} refused", attempts.len());
    assert!(std::fs::read_dir("/tmp").unwrap().all(|entry| {
        !entry.unwrap().file_name().to_string_lossy().starts_with("waybill-escape")
    }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_without_end_and_one_without_measure_are_ended() {
    let desk =
        desk_with(1_000, AnalyticsConfig { timeout_ms: 1_500, memory_mb: 64, ..config() }).await;
    let tenant = "t0".parse().unwrap();
    let endless =
        "select count(*) from range(100000000) a, range(100000) b where a.range > b.range";
    let started = Instant::now();
    let said = desk.analyst.ask(&tenant, desk.head, sql(endless)).await;
    assert!(matches!(said, Err(AnalysisError::TooSlow { timeout_ms: 1_500 })), "{said:?}");
    assert!(started.elapsed() < Duration::from_secs(10));
    let greedy = "select list(repeat('x', 10000000)) from range(1000)";
    let said = desk.analyst.ask(&tenant, desk.head, sql(greedy)).await;
    let Err(AnalysisError::Failed { reason }) = said else { panic!("{said:?}") };
    assert!(reason.contains("Out of Memory"), "{reason}");
    let cut = AnalyticsConfig { rows: 3, ..config() };
    let desk = desk_with(1_000, cut).await;
    let answer = desk.ask("t0", sql("select position from events order by position")).await;
    assert!(answer.is_cut);
    assert_eq!(answer.rows.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_duckdb_the_answer_says_so() {
    let gone = AnalyticsConfig { program: Some("/nowhere/waybill-duckdb".into()), ..config() };
    let desk = desk_with(200, gone).await;
    let said = desk.analyst.ask(&"t0".parse().unwrap(), desk.head, sql("select 1")).await;
    let said = said.unwrap_err().to_string();
    assert!(said.starts_with("analytics are off: /nowhere/waybill-duckdb does not run"), "{said}");
}
