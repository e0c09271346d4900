use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use schema::Timestamp;

use super::{Dataset, FileError, Written, frames, parquet};
use crate::facts::{AttemptFact, DeliveryFact, EventRow, EvidenceFact, Fact, SliceFact};

const MICROS_OF_DAY: i64 = 86_400_000_000;

/// Rows of one day and one tenant, by table.
#[derive(Clone, Default)]
struct Rows {
    events: Vec<EventRow>,
    deliveries: Vec<DeliveryFact>,
    attempts: Vec<AttemptFact>,
    evidence: Vec<EvidenceFact>,
    slices: Vec<SliceFact>,
}

impl Rows {
    fn push(&mut self, fact: Fact) {
        match fact {
            Fact::Delivery(fact) => self.deliveries.push(fact),
            Fact::Attempt(fact) => self.attempts.push(fact),
            Fact::Evidence(fact) => self.evidence.push(fact),
            Fact::Slice(fact) => self.slices.push(fact),
        }
    }

    const fn count(&self, dataset: Dataset) -> usize {
        match dataset {
            Dataset::Events => self.events.len(),
            Dataset::Deliveries => self.deliveries.len(),
            Dataset::Attempts => self.attempts.len(),
            Dataset::Evidence => self.evidence.len(),
            Dataset::Slices => self.slices.len(),
        }
    }
}

/// Rows of a part of the log, by day and tenant. What follows from an event is of its day and its tenant.
#[derive(Default)]
pub struct Block {
    parts: BTreeMap<i64, BTreeMap<String, Rows>>,
    events: usize,
}

/// Rows that make one file.
pub struct Draft<'b> {
    /// Of which table.
    pub dataset: Dataset,
    /// Of which day (UTC), as `2026-11-25`.
    pub date: String,
    /// Whose.
    pub tenant: String,
    rows: Cow<'b, Rows>,
}

impl Block {
    /// Events in it.
    #[must_use]
    pub const fn events(&self) -> usize {
        self.events
    }

    /// Adds an event of a tenant, and the facts that follow from it.
    pub fn push(&mut self, tenant: &str, event: EventRow, facts: impl IntoIterator<Item = Fact>) {
        self.events += 1;
        let day = event.recorded_at.unix_micros().div_euclid(MICROS_OF_DAY);
        let of_day = self.parts.entry(day).or_default();
        let rows = match of_day.get_mut(tenant) {
            Some(rows) => rows,
            None => of_day.entry(tenant.to_owned()).or_default(),
        };
        facts.into_iter().for_each(|fact| rows.push(fact));
        rows.events.push(event);
    }

    /// One draft for each file that it makes, in order of table, day, tenant.
    pub fn drafts(&self) -> impl Iterator<Item = Draft<'_>> {
        let of = |dataset| {
            let all = self.parts.iter();
            let all =
                all.flat_map(|(day, of)| of.iter().map(move |(tenant, rows)| (day, tenant, rows)));
            let filled = all.filter(move |(_, _, rows)| rows.count(dataset) > 0);
            filled.map(move |(day, tenant, rows)| Draft {
                dataset,
                date: date_of(*day),
                tenant: tenant.clone(),
                rows: Cow::Borrowed(rows),
            })
        };
        Dataset::ALL.into_iter().flat_map(of)
    }
}

fn date_of(day: i64) -> String {
    let date = Timestamp::from_unix_micros(day * MICROS_OF_DAY);
    date.to_chrono().format("%Y-%m-%d").to_string()
}

impl Draft<'_> {
    /// A file of a table that has its columns and no row.
    #[must_use]
    pub fn empty(dataset: Dataset, tenant: &str) -> Self {
        let (date, tenant, rows) = (date_of(0), tenant.to_owned(), Cow::Owned(Rows::default()));
        Self { dataset, date, tenant, rows }
    }

    /// Writes it to a new file.
    ///
    /// # Errors
    /// [`FileError::Disk`].
    pub fn write(&self, path: &Path) -> Result<Written, FileError> {
        let frame = match self.dataset {
            Dataset::Events => frames::events(&self.rows.events),
            Dataset::Deliveries => frames::deliveries(&self.rows.deliveries),
            Dataset::Attempts => frames::attempts(&self.rows.attempts),
            Dataset::Evidence => frames::evidence(&self.rows.evidence),
            Dataset::Slices => frames::slices(&self.rows.slices),
        };
        parquet::write(frame.map_err(|error| FileError::damaged(path, &error))?, path)
    }
}
