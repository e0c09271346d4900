use schema::Position;
use serde_json::Value;

use super::canvas::{Anchor, BLUE, Canvas, ORANGE, time};
use super::{number, text};

const LEFT: f64 = 70.0;
const WIDE: f64 = 620.0;
const TOP: f64 = 56.0;
const HIGH: f64 = 150.0;

/// Closed deliveries as bars, and below them the median and 99 % of the time to the first byte, on a logarithmic scale.
pub(super) fn draw(position: Position, rows: &[Value]) -> String {
    let mut canvas =
        Canvas::new("Deliveries closed and time to the first byte, by hour", 760.0, 440.0);
    let most = rows.iter().map(|row| number(row, "closed")).fold(1.0, f64::max);
    let slowest = rows.iter().map(|row| number(row, "p99_us")).fold(10.0, f64::max).log10();
    let step = WIDE / rows.len().max(1) as f64;
    canvas.text(LEFT - 8.0, TOP + 8.0, Anchor::End, &format!("{most}"));
    canvas.text(LEFT - 8.0, TOP + HIGH, Anchor::End, "0");
    let floor = TOP + HIGH + 170.0;
    for power in 1..=slowest.ceil() as i32 {
        let y = floor - f64::from(power - 1) / (slowest.ceil() - 1.0).max(1.0) * HIGH;
        canvas.rule((LEFT, y), (LEFT + WIDE, y));
        canvas.text(LEFT - 8.0, y + 4.0, Anchor::End, &time(10_f64.powi(power)));
    }
    let (mut median, mut slow) = (Vec::new(), Vec::new());
    for (at, row) in rows.iter().enumerate() {
        let (x, closed) = (LEFT + step * at as f64, number(row, "closed"));
        let tall = closed / most * HIGH;
        let tip = format!("{}: {closed} closed", text(row, "hour"));
        canvas.bar((x, TOP + HIGH - tall), ((step * 0.8).max(0.5), tall), BLUE, &tip);
        let y = |us: f64| {
            let power = us.max(10.0).log10();
            floor - (power - 1.0) / (slowest.ceil() - 1.0).max(1.0) * HIGH
        };
        if !row["p50_us"].is_null() {
            median.push((x, y(number(row, "p50_us"))));
            slow.push((x, y(number(row, "p99_us"))));
        }
    }
    canvas.path(&median, BLUE);
    canvas.path(&slow, ORANGE);
    for (row, x, anchor) in
        [(rows.first(), LEFT, Anchor::Start), (rows.last(), LEFT + WIDE, Anchor::End)]
    {
        let hour = row.map(|row| text(row, "hour")).unwrap_or_default();
        canvas.text(x, floor + 20.0, anchor, hour);
    }
    canvas.text(LEFT, floor + 42.0, Anchor::Start, "blue: median; orange: 99 %");
    canvas.done(position)
}
