//! What waits: deliveries that are due, and what an operator holds back.

use projections::tenants::queries::{PauseRow, every_pause};
use schema::Timestamp;
use serde_json::Value;
use store::{Ledger, QueueDepth};

use super::finding;
use crate::cli::queue::lane;
use crate::clock::now;

/// What is due is claimed within milliseconds; a node that sends for others is given this long to take over.
const LONGEST_WAIT_S: i64 = 60;

/// How old the queue is by lane and channel, and every pause.
pub(super) async fn look(ledger: &Ledger) -> Vec<Value> {
    let mut findings = Vec::new();
    let pauses = match every_pause(ledger.pool()).await {
        Ok(pauses) => pauses,
        Err(error) => {
            findings.push(finding("pauses", false, error.to_string()));
            vec![]
        }
    };
    match ledger.queue_depths().await {
        Ok(depths) => {
            let at = now();
            findings.extend(depths.iter().map(|depth| of_depth(depth, at, !pauses.is_empty())));
        }
        Err(error) => findings.push(finding("queue", false, error.to_string())),
    }
    findings.extend(pauses.iter().map(of_pause));
    findings
}

fn of_depth(depth: &QueueDepth, now: Timestamp, any_pause: bool) -> Value {
    let part = format!("queue {} {}", lane(depth.lane), depth.channel);
    if depth.lane == HELD {
        let says = format!(
            "{} deliveries wait for a person to say whether they arrived: `waybill deliveries list --state held`",
            depth.rows
        );
        return finding(&part, true, says);
    }
    let age_s = depth.oldest_due.map_or(0, |due| now.micros_since(due).max(0) / 1_000_000);
    if depth.due == 0 {
        return finding(&part, true, format!("{} rows, none due", depth.rows));
    }
    let says = format!("{} rows, {} due, the oldest for {age_s} s", depth.rows, depth.due);
    if age_s <= LONGEST_WAIT_S {
        return finding(&part, true, says);
    }
    let why = match any_pause {
        true => "A pause named below may hold them back",
        false => "Nothing is paused: is `waybill serve` running, and not held?",
    };
    finding(&part, any_pause, format!("{says}. {why}."))
}

/// The lane of what a person must settle.
const HELD: i16 = 2;

fn of_pause(pause: &PauseRow) -> Value {
    let says = format!(
        "{} of tenant {} is held back since {} by {}: {:?}. It goes on with POST /v1/pauses/resume.",
        pause.scope,
        pause.tenant,
        pause.paused_at.format("%F %T UTC"),
        pause.paused_by,
        pause.reason
    );
    finding("pause", true, says)
}

#[cfg(test)]
mod tests {
    use schema::ChannelKind;

    use super::*;
    use crate::cli::output::text_at;

    fn depth(lane: i16, oldest_due_s: Option<u64>) -> QueueDepth {
        let at = |s: u64| Timestamp::from_unix_micros(1_000_000_000).plus_ms(s * 1_000);
        let oldest_due = oldest_due_s.map(at);
        QueueDepth { lane, channel: ChannelKind::Mail, due: 3, rows: 5, oldest_due }
    }

    fn now() -> Timestamp {
        Timestamp::from_unix_micros(1_000_000_000).plus_ms(100_000)
    }

    #[test]
    fn what_waits_too_long_is_wrong_unless_something_is_paused() {
        let fresh = of_depth(&depth(0, Some(90)), now(), false);
        assert_eq!(
            (&fresh["ok"], &fresh["says"]),
            (&true.into(), &"5 rows, 3 due, the oldest for 10 s".into())
        );
        let old = of_depth(&depth(1, Some(10)), now(), false);
        assert_eq!((&old["part"], &old["ok"]), (&"queue retry mail".into(), &false.into()));
        assert!(text_at(&old, "/says").contains("the oldest for 90 s. Nothing is paused"));
        assert_eq!(of_depth(&depth(1, Some(10)), now(), true)["ok"], true);
        assert_eq!(of_depth(&depth(0, None), now(), false)["ok"], true);
    }

    #[test]
    fn what_waits_for_a_person_is_told_and_not_wrong() {
        let held = of_depth(&depth(2, Some(0)), now(), false);
        assert_eq!((&held["part"], &held["ok"]), (&"queue held mail".into(), &true.into()));
        assert!(text_at(&held, "/says").starts_with("5 deliveries wait for a person"));
    }
}
