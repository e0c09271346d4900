//! A made-up history, the same for the same seed: reports of very different sizes, channels and destinations of very
//! different quality, busy hours and quiet ones, bad days. It follows the words of `schema` and knows no rule: what a
//! delivery may do next is told here once more, in the simplest way.

#![warn(missing_docs)]
#![expect(clippy::unwrap_used, reason = "the names it makes up keep their rule")]

mod course;
mod people;
mod record;

use std::collections::VecDeque;
use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use schema::events::{DistributionEvent, NotPlanned, NotPlannedReason, ReportVersion, SliceSums};
use schema::{
    Actor, DistributionId, LedgerEvent, Metadata, Position, RecordedEvent, Sha256, StreamId,
    TenantId, Timestamp,
};

use self::course::Course;

pub use self::people::{recipient, report, subscription};
pub use self::record::record;

/// 2026-01-05, a Monday, in microseconds.
const BEGINNING: i64 = 1_767_571_200_000_000;
const HOUR: i64 = 3_600_000_000;

/// How large a history.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Same seed, same history.
    pub seed: u64,
    /// Tenants; the first has most.
    pub tenants: u32,
    /// Reports of each tenant; the first is published most.
    pub reports: u32,
    /// Recipients of each tenant.
    pub recipients: u32,
    /// Deliveries of a version, on the average.
    pub fan_out: u32,
    /// Time from one version to the next, in microseconds, on the average.
    pub pace_us: i64,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            seed: 7,
            tenants: 3,
            reports: 20,
            recipients: 1_000,
            fan_out: 40,
            pace_us: 20 * 60 * 1_000_000,
        }
    }
}

/// Tells a history without end.
pub struct Simulator {
    shape: Shape,
    random: SmallRng,
    now: i64,
    versions: u64,
    position: i64,
    told: VecDeque<RecordedEvent>,
}

impl Simulator {
    /// A history of this shape.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        let random = SmallRng::seed_from_u64(shape.seed);
        let mut simulator =
            Self { shape, random, now: BEGINNING, versions: 0, position: 0, told: VecDeque::new() };
        people::introduce(&shape, Timestamp::from_unix_micros(BEGINNING), &mut simulator.told);
        simulator
    }

    /// The next version of some report, with all that becomes of it.
    fn version(&mut self) {
        let tenant = people::tenant(skewed(&mut self.random, self.shape.tenants));
        let number = skewed(&mut self.random, self.shape.reports);
        self.now += self.pause();
        self.versions += 1;
        let received = received(&people::report(number), self.versions, self.now);
        let run = DistributionId::of(&tenant, &received.report, &received.version);
        let stream = StreamId::distribution(run);
        let count = (u64::from(self.shape.fan_out) * 4 / u64::from(number + 2)).max(1);
        let count = self.random.random_range(1..=count.min(self.shape.recipients.into())) as u32;
        let first = self.random.random_range(0..self.shape.recipients);
        let mut courses = Vec::with_capacity(count as usize);
        for index in 0..count {
            let who = (first + index) % self.shape.recipients;
            courses.push(Course::plan(&tenant, &received, run, number, who, &mut self.random));
        }
        let (at, read_at) = (Timestamp::from_unix_micros(self.now), Position(1));
        let decisions = self.decisions(first);
        let sums = sums(u64::from(count), &decisions);
        let mut tell = |sequence: i64, event: DistributionEvent| {
            self.told.push_back(told(&tenant, at, stream.clone(), sequence, event.into()));
        };
        tell(1, DistributionEvent::ReportReceived(received));
        let (slice, after, through) = (0, None, None);
        let planned =
            DistributionEvent::SlicePlanned { slice, after, through, read_at, sums, decisions };
        tell(2, planned);
        for course in &mut courses {
            self.told.push_back(course.scheduled(self.now));
        }
        // In rounds, as lanes take turns: events of one delivery lie apart in the log.
        let mut at = self.now;
        while !courses.is_empty() {
            courses.retain_mut(|course| {
                at += self.random.random_range(20..400);
                course.next(at, &mut self.random, &mut self.told)
            });
            at += 60_000_000;
        }
    }

    /// Some were looked at and left out.
    fn decisions(&mut self, first: u32) -> Vec<NotPlanned> {
        let left_out = self.random.random_range(0..3);
        let decide = |index| NotPlanned {
            recipient: people::recipient(first + index),
            subscription: people::subscription(first + index),
            subscription_version: 2,
            group: None,
            reason: NotPlannedReason::Paused,
        };
        (0..left_out).map(decide).collect()
    }

    /// Short by day, long at night and on Sundays.
    fn pause(&mut self) -> i64 {
        let hour = self.now.div_euclid(HOUR);
        let (of_day, weekday) = (hour.rem_euclid(24), hour.div_euclid(24).rem_euclid(7));
        let quiet = if (6..18).contains(&of_day) { 1 } else { 6 };
        let quiet = if weekday == 6 { quiet * 4 } else { quiet };
        self.random.random_range(1..=self.shape.pace_us * 2) * quiet / 3
    }
}

impl Iterator for Simulator {
    type Item = RecordedEvent;

    fn next(&mut self) -> Option<RecordedEvent> {
        while self.told.is_empty() {
            self.version();
        }
        self.position += 1;
        let event = self.told.pop_front()?;
        Some(RecordedEvent { position: Position(self.position), ..event })
    }
}

/// Half of all draws are the first, half of the rest the second third …: as things are liked.
fn skewed(random: &mut SmallRng, count: u32) -> u32 {
    let draw: f64 = random.random();
    let most = f64::from(count.max(1));
    ((most.powf(draw) - 1.0) as u32).min(count.saturating_sub(1))
}

/// An event, but for its position.
fn told(
    tenant: &TenantId,
    recorded_at: Timestamp,
    stream: StreamId,
    sequence: i64,
    event: LedgerEvent,
) -> RecordedEvent {
    let metadata = Arc::new(Metadata::new(tenant.clone(), Actor::new("key", "k1")));
    RecordedEvent { position: Position::START, recorded_at, stream, sequence, event, metadata }
}

fn sums(planned: u64, decisions: &[NotPlanned]) -> SliceSums {
    let paused = decisions.len() as u64;
    let not_planned = [(NotPlannedReason::Paused, paused)].into_iter().filter(|one| one.1 > 0);
    SliceSums { considered: planned + paused, planned, not_planned: not_planned.collect() }
}

fn received(report: &schema::ReportName, number: u64, now: i64) -> ReportVersion {
    let received_at = Timestamp::from_unix_micros(now);
    ReportVersion {
        report: report.clone(),
        version: format!("v{number}").parse().unwrap(),
        digest: Sha256::of(&number.to_be_bytes()),
        title: format!("Report {report}"),
        attributes: schema::Attributes::default(),
        artifacts: vec![],
        frame: None,
        corrects: None,
        received_at,
        deadline: received_at.plus_ms(86_400_000),
    }
}
