use schema::Position;
use serde_json::Value;

use super::canvas::{Anchor, BLUE, Canvas, ORANGE};
use super::{number, text};

const LEFT: f64 = 110.0;
const WIDE: f64 = 520.0;
const ROW: f64 = 46.0;

/// One bar a channel, with Wilson's interval and the adjusted rate.
pub(super) fn draw(position: Position, rows: &[Value]) -> String {
    let height = 110.0 + ROW * rows.len().max(1) as f64;
    let mut canvas =
        Canvas::new("Channel effectiveness: reached ÷ tried, 95 % intervals", 760.0, height);
    // Rates lie near 1: the scale begins where the lowest interval does.
    let lows = rows.iter().map(|row| number(row, "rate_low").min(number(row, "adjusted_rate")));
    let least = (lows.fold(1.0, f64::min) * 20.0).floor() / 20.0 - 0.05;
    let least = least.clamp(0.0, 0.95);
    let x = |rate: f64| LEFT + (rate - least) / (1.0 - least) * WIDE;
    for step in 0..=4 {
        let rate = least + (1.0 - least) * f64::from(step) / 4.0;
        canvas.rule((x(rate), 48.0), (x(rate), height - 44.0));
        canvas.text(x(rate), height - 30.0, Anchor::Middle, &format!("{:.1} %", rate * 100.0));
    }
    for (at, row) in rows.iter().enumerate() {
        let y = 56.0 + ROW * at as f64;
        let (rate, low, high) =
            (number(row, "rate"), number(row, "rate_low"), number(row, "rate_high"));
        canvas.text(LEFT - 10.0, y + 19.0, Anchor::End, text(row, "channel"));
        let tip = format!("{} of {} reached", number(row, "reached"), number(row, "tried"));
        canvas.bar((LEFT, y + 4.0), ((x(rate) - LEFT).max(0.0), 20.0), BLUE, &tip);
        canvas.line((x(low), y + 14.0), (x(high), y + 14.0), ORANGE);
        for end in [low, high, number(row, "adjusted_rate")] {
            canvas.line((x(end), y + 8.0), (x(end), y + 20.0), ORANGE);
        }
        let said = format!(
            "{:.2} % (adjusted {:.2} %)",
            rate * 100.0,
            number(row, "adjusted_rate") * 100.0
        );
        canvas.text(LEFT, y + 38.0, Anchor::Start, &said);
    }
    canvas.done(position)
}
