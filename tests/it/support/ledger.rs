use std::collections::HashMap;

use sink::Arrival;
use sqlx::{PgConnection, Row};

use super::{Scene, until};

/// What plain SQL over `events` says of one delivery.
#[derive(Clone, Debug)]
pub struct Told {
    /// Its id.
    pub delivery: String,
    /// Attempts begun.
    pub started: i64,
    /// Attempts ended.
    pub ended: i64,
    /// Of these, with success.
    pub succeeded: i64,
    /// Of these, in doubt.
    pub in_doubt: i64,
}

const TOLD: &str = "select d.aggregate_id, \
    count(*) filter (where d.event_type = 'AttemptStarted'), \
    count(*) filter (where d.event_type = 'AttemptEnded'), \
    count(*) filter (where d.payload->'outcome'->>'kind' = 'succeeded'), \
    count(*) filter (where d.payload->'outcome'->>'kind' = 'in_doubt') \
    from events d where d.aggregate_type = 'delivery' and d.aggregate_id in ( \
    select aggregate_id from events where aggregate_type = 'delivery' \
    and event_type = 'DeliveryScheduled' and payload->>'distribution' = $1) \
    group by d.aggregate_id";

impl Scene {
    /// The first column of a query's rows, as text.
    pub async fn texts(&self, sql: &str, given: &str) -> Vec<String> {
        let query = sqlx::query(sql).bind(given.to_owned());
        let rows = query.fetch_all(&self.pool).await.unwrap();
        rows.into_iter().map(|row| row.get(0)).collect()
    }

    /// The one number a query comes to.
    pub async fn count(&self, sql: &str, given: &str) -> i64 {
        let query = sqlx::query_scalar(sql).bind(given.to_owned());
        query.fetch_one(&self.pool).await.unwrap()
    }

    /// The same, over a connection of another user.
    pub async fn count_as(&self, user: &mut PgConnection, sql: &str) -> i64 {
        sqlx::query_scalar(sql).bind("").fetch_one(user).await.unwrap()
    }

    /// Waits until every delivery of a distribution is closed and its sums close.
    pub async fn reconciled(&self, distribution: &str) {
        let sql = "select count(*) from events where aggregate_type = 'distribution' \
            and aggregate_id = $1 and event_type = 'DistributionReconciled'";
        until("the distribution is reconciled", async || {
            (self.count(sql, distribution).await == 1).then_some(())
        })
        .await;
    }

    /// Every delivery of a distribution.
    pub async fn told(&self, distribution: &str) -> Vec<Told> {
        let rows = sqlx::query(TOLD).bind(distribution).fetch_all(&self.pool).await.unwrap();
        rows.into_iter()
            .map(|row| Told {
                delivery: row.get(0),
                started: row.get(1),
                ended: row.get(2),
                succeeded: row.get(3),
                in_doubt: row.get(4),
            })
            .collect()
    }

    /// The id of a distribution's only delivery to `recipient`.
    pub async fn delivery_to(&self, distribution: &str, recipient: &str) -> String {
        let sql = "select aggregate_id from events where event_type = 'DeliveryScheduled' \
            and payload->>'distribution' = $1 and payload->>'recipient' = $2";
        let query = sqlx::query_scalar(sql).bind(distribution).bind(recipient);
        query.fetch_one(&self.pool).await.unwrap()
    }

    /// Compares a distribution with the sink's own records: nothing lost, nothing recorded twice, nothing sent twice
    /// unless an attempt is marked in doubt. Returns how many attempts are.
    pub async fn agree(
        &self,
        distribution: &str,
        planned: usize,
        arrivals: &HashMap<String, Arrival>,
    ) -> i64 {
        let told = self.told(distribution).await;
        assert_eq!(told.len(), planned, "deliveries");
        for one in &told {
            let id = format!("msg_{}", one.delivery.replace('-', ""));
            let taken = arrivals.get(&id).map_or(0, |arrival| arrival.taken_count);
            assert_eq!(one.succeeded, 1, "{one:?} is not closed as delivered");
            assert_eq!(one.started, one.ended, "{one:?} has an attempt without an end");
            assert!(taken >= 1, "{one:?} never arrived");
            assert!(taken == 1 || one.in_doubt > 0, "{one:?} was sent {taken} times, undoubted");
        }
        assert_eq!(arrivals.len(), planned, "the sink knows of others");
        told.iter().map(|one| one.in_doubt).sum()
    }
}
