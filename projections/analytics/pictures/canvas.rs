use std::fmt::Write;

use schema::Position;

/// Dark enough on white for everyone (WCAG 2.2, 1.4.11).
pub(super) const BLUE: &str = "#1f5fa8";
pub(super) const ORANGE: &str = "#b85500";
const INK: &str = "#222222";
const FAINT: &str = "#dddddd";

/// Where on a text its place is.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// An SVG being drawn.
pub(super) struct Canvas {
    width: f64,
    height: f64,
    body: String,
    title: String,
}

impl Canvas {
    pub(super) fn new(title: &str, width: f64, height: f64) -> Self {
        let mut canvas = Self { width, height, body: String::new(), title: title.to_owned() };
        canvas.large(16.0, 28.0, title);
        canvas
    }

    fn large(&mut self, x: f64, y: f64, text: &str) {
        self.add(&format!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"17\" font-weight=\"bold\">{}</text>",
            escaped(text)
        ));
    }

    pub(super) fn text(&mut self, x: f64, y: f64, anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.add(&format!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>",
            escaped(text)
        ));
    }

    /// A filled rectangle with a tip that a pointer shows.
    pub(super) fn bar(&mut self, at: (f64, f64), size: (f64, f64), fill: &str, tip: &str) {
        let ((x, y), (width, height)) = (at, size);
        self.add(&format!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
             fill=\"{fill}\"><title>{}</title></rect>",
            escaped(tip)
        ));
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: &str) {
        self.add(&format!(
            "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{stroke}\"/>",
            from.0, from.1, to.0, to.1
        ));
    }

    pub(super) fn rule(&mut self, from: (f64, f64), to: (f64, f64)) {
        self.line(from, to, FAINT);
    }

    pub(super) fn path(&mut self, points: &[(f64, f64)], stroke: &str) {
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        self.add(&format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{stroke}\" stroke-width=\"1.5\"/>",
            points.join(" ")
        ));
    }

    fn add(&mut self, element: &str) {
        self.body.push_str(element);
        self.body.push('\n');
    }

    /// The whole, with the position it is true up to.
    pub(super) fn done(mut self, position: Position) -> String {
        let (width, height) = (self.width, self.height);
        self.text(width - 12.0, height - 10.0, Anchor::End, &format!("as of position {position}"));
        let mut svg = String::new();
        // Writing to a String does not fail.
        let _ = write!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
             width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\" font-family=\"sans-serif\" \
             font-size=\"12\" fill=\"{INK}\">\n<title>{}</title>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{}</svg>\n",
            escaped(&self.title),
            self.body
        );
        svg
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// From white to dark blue as `share` goes from 0 to 1.
pub(super) fn shade(share: f64) -> String {
    let share = share.clamp(0.0, 1.0);
    let mix = |from: f64, to: f64| (from + (to - from) * share).round() as u8;
    format!("#{:02x}{:02x}{:02x}", mix(244.0, 16.0), mix(247.0, 62.0), mix(251.0, 128.0))
}

/// Microseconds as a person reads them.
pub(super) fn time(us: f64) -> String {
    match us {
        us if us < 1_000.0 => format!("{us:.0} µs"),
        us if us < 1_000_000.0 => format!("{:.1} ms", us / 1_000.0),
        us if us < 120_000_000.0 => format!("{:.1} s", us / 1_000_000.0),
        us => format!("{:.0} min", us / 60_000_000.0),
    }
}
