use std::collections::{BTreeMap, BTreeSet};

use schema::Position;
use serde_json::Value;

use super::canvas::{Anchor, Canvas, shade};
use super::{number, text};

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const CELL: f64 = 26.0;

/// Hour of day × day of week, darker where more closed.
pub(super) fn week(position: Position, rows: &[Value]) -> String {
    let mut canvas = Canvas::new("Deliveries by hour and day of the week (UTC)", 720.0, 310.0);
    let most = rows.iter().map(|row| number(row, "closed")).fold(1.0, f64::max);
    for (day, name) in DAYS.iter().enumerate() {
        canvas.text(56.0, 74.0 + CELL * day as f64, Anchor::End, name);
    }
    for hour in (0..24).step_by(3) {
        canvas.text(64.0 + CELL * f64::from(hour), 52.0, Anchor::Start, &format!("{hour}"));
    }
    for row in rows {
        let (day, hour) = (number(row, "weekday") - 1.0, number(row, "hour"));
        let closed = number(row, "closed");
        let name = DAYS.get(day as usize).copied().unwrap_or_default();
        let tip = format!(
            "{name} {hour}:00 UTC: {closed} closed, {} succeeded",
            number(row, "succeeded")
        );
        let at = (62.0 + CELL * hour, 57.0 + CELL * day);
        canvas.bar(at, (CELL - 2.0, CELL - 2.0), &shade(closed / most), &tip);
    }
    canvas.text(62.0, 264.0, Anchor::Start, &format!("darkest: {most} closed"));
    canvas.done(position)
}

/// Failure class × destination, darker where more attempts failed.
pub(super) fn clusters(position: Position, rows: &[Value]) -> String {
    let mut cells: BTreeMap<(&str, &str), f64> = BTreeMap::new();
    for row in rows {
        let key = (text(row, "fault_class"), text(row, "destination"));
        *cells.entry(key).or_default() += number(row, "attempts");
    }
    let classes: BTreeSet<&str> = cells.keys().map(|key| key.0).collect();
    let destinations: BTreeSet<&str> = cells.keys().map(|key| key.1).collect();
    let width = 190.0 + 110.0 * classes.len().max(3) as f64;
    let height = 120.0 + CELL * destinations.len() as f64;
    let mut canvas = Canvas::new("Failed attempts by destination and class", width, height);
    let most = cells.values().copied().fold(1.0, f64::max);
    for (across, class) in classes.iter().enumerate() {
        canvas.text(222.0 + 110.0 * across as f64, 60.0, Anchor::Middle, class);
    }
    for (down, destination) in destinations.iter().enumerate() {
        let y = 70.0 + CELL * down as f64;
        let name: String = destination.chars().take(20).collect();
        canvas.text(160.0, y + 17.0, Anchor::End, &name);
        for (across, class) in classes.iter().enumerate() {
            let count = cells.get(&(class, destination)).copied().unwrap_or_default();
            let tip = format!("{destination}, {class}: {count} attempts");
            let at = (168.0 + 110.0 * across as f64, y);
            canvas.bar(at, (108.0, CELL - 2.0), &shade(count / most), &tip);
        }
    }
    let said = format!("darkest: {most} attempts, of the largest clusters");
    canvas.text(16.0, height - 10.0, Anchor::Start, &said);
    canvas.done(position)
}
