use std::path::PathBuf;
use std::sync::Arc;

use analysis::{Analyst, AnalyticsConfig, Answer};
use analytics::Question;
use export::{EXPORTER, ExportConfig, Exporter};
use followers::{Checkpoints, FollowerConfig};
use schema::Position;
use serde_json::Value;
use simulator::{Shape, Simulator, record};
use sqlx::PgConnection;
use store::testing::TestLedger;
use store::{Tail, TailConfig};
use tokio_util::sync::CancellationToken;

/// A ledger with a history, most of it exported, and someone to ask.
pub struct Desk {
    pub test: TestLedger,
    pub analyst: Analyst,
    pub head: Position,
    pub folder: tempfile::TempDir,
}

/// The program that `cargo test` builds beside this one.
pub fn config() -> AnalyticsConfig {
    let own = std::env::current_exe().unwrap();
    let program = own.parent().unwrap().parent().unwrap().join("waybill-duckdb");
    AnalyticsConfig { program: Some(program), ..AnalyticsConfig::default() }
}

/// The same history as the seeded one, in small.
pub async fn desk(events: usize) -> Desk {
    desk_with(events, config()).await
}

pub async fn desk_with(events: usize, config: AnalyticsConfig) -> Desk {
    let test = TestLedger::start().await;
    let shape = Shape { recipients: 200, fan_out: 120, ..Shape::default() };
    record(&mut test.owner().await, Simulator::new(shape).take(events)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = PathBuf::from(folder.path());
    let export = ExportConfig { enabled: true, folder: path, block_events: 700 };
    export_all(&test, &export).await;
    let head = test.ledger.head().await.unwrap();
    let analyst = Analyst::new(&test.ledger, &export, &config);
    Desk { test, analyst, head, folder }
}

async fn export_all(test: &TestLedger, export: &ExportConfig) {
    let stop = CancellationToken::new();
    let ledger = Arc::clone(&test.ledger);
    let tail = Tail::start(&ledger, TailConfig::default(), stop.clone()).await.unwrap();
    let exporter = Exporter::new(&ledger, export);
    let (tail, token) = (Arc::new(tail), stop.clone());
    let running = tokio::spawn(async move {
        let config = FollowerConfig::default();
        followers::run(&ledger, &tail, vec![Box::new(exporter)], config, "n", &token).await;
    });
    let checkpoints = Checkpoints::new(Arc::clone(&test.ledger));
    let head = test.ledger.head().await.unwrap();
    let patience = std::time::Duration::from_secs(120);
    checkpoints.await_position(&[EXPORTER], head, patience).await.unwrap();
    stop.cancel();
    running.await.unwrap();
}

impl Desk {
    pub async fn ask(&self, tenant: &str, question: impl Into<Question>) -> Answer {
        self.analyst.ask(&tenant.parse().unwrap(), self.head, question).await.unwrap()
    }

    /// The events as tables, by plain SQL over `events`, for one tenant.
    pub async fn plain(&self, tenant: &str) -> PgConnection {
        let mut conn = self.test.owner().await;
        let setting =
            "select set_config('test.tenant', $1, false), set_config('timezone', 'UTC', false)";
        sqlx::query(setting).bind(tenant).execute(&mut conn).await.unwrap();
        sqlx::raw_sql(include_str!("plain.sql")).execute(&mut conn).await.unwrap();
        conn
    }
}

/// Rows of a statement, one object each.
pub async fn rows(conn: &mut PgConnection, sql: &str) -> Vec<Value> {
    let sql = format!("select to_jsonb(t) from ({sql}) t");
    sqlx::query_scalar(&sql).fetch_all(conn).await.unwrap()
}

/// The same values, however they are written: instants, whole numbers as floats, key order.
pub fn plainly(rows: &[Value]) -> Vec<Value> {
    rows.iter()
        .map(|row| {
            let plain = row.as_object().unwrap().iter().map(|(name, value)| {
                let value = match value {
                    Value::String(text) => Value::from(text.replace('T', " ")),
                    Value::Number(number) => {
                        let number = number.as_f64().unwrap();
                        Value::from((number * 1e9).round() / 1e9)
                    }
                    other => other.clone(),
                };
                (name.clone(), value)
            });
            let sorted: std::collections::BTreeMap<_, _> = plain.collect();
            serde_json::to_value(sorted).unwrap()
        })
        .collect()
}
