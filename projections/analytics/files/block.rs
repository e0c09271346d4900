use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use polars::prelude::{DataFrame, PolarsResult};
use schema::Timestamp;

use super::{Dataset, FileError, Written, frames, parquet};
use crate::facts::{AttemptFact, DeliveryFact, EventRow, EvidenceFact, Fact, SliceFact};

/// Rows of one table.
#[derive(Clone)]
enum Rows {
    Events(Vec<EventRow>),
    Deliveries(Vec<DeliveryFact>),
    Attempts(Vec<AttemptFact>),
    Evidence(Vec<EvidenceFact>),
    Slices(Vec<SliceFact>),
}

impl Rows {
    const fn empty(dataset: Dataset) -> Self {
        match dataset {
            Dataset::Events => Self::Events(vec![]),
            Dataset::Deliveries => Self::Deliveries(vec![]),
            Dataset::Attempts => Self::Attempts(vec![]),
            Dataset::Evidence => Self::Evidence(vec![]),
            Dataset::Slices => Self::Slices(vec![]),
        }
    }

    fn frame(&self) -> PolarsResult<DataFrame> {
        match self {
            Self::Events(rows) => frames::events(rows),
            Self::Deliveries(rows) => frames::deliveries(rows),
            Self::Attempts(rows) => frames::attempts(rows),
            Self::Evidence(rows) => frames::evidence(rows),
            Self::Slices(rows) => frames::slices(rows),
        }
    }

    const fn count(&self) -> usize {
        match self {
            Self::Events(rows) => rows.len(),
            Self::Deliveries(rows) => rows.len(),
            Self::Attempts(rows) => rows.len(),
            Self::Evidence(rows) => rows.len(),
            Self::Slices(rows) => rows.len(),
        }
    }
}

/// Rows of a part of the log, by table, day and tenant.
#[derive(Default)]
pub struct Block {
    parts: BTreeMap<(Dataset, i64, String), Rows>,
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

    /// Adds an event, and the facts that follow from it.
    pub fn push(&mut self, event: EventRow, facts: impl IntoIterator<Item = Fact>) {
        self.events += 1;
        let day = event.recorded_at.unix_micros().div_euclid(MICROS_OF_DAY);
        for fact in facts {
            self.add(day, fact);
        }
        let key = (Dataset::Events, day, event.tenant.clone());
        if let Rows::Events(rows) = self.rows(key) {
            rows.push(event);
        }
    }

    fn add(&mut self, day: i64, fact: Fact) {
        match fact {
            Fact::Delivery(fact) => {
                let key = (Dataset::Deliveries, day, fact.tenant.clone());
                if let Rows::Deliveries(rows) = self.rows(key) {
                    rows.push(fact);
                }
            }
            Fact::Attempt(fact) => {
                let key = (Dataset::Attempts, day, fact.tenant.clone());
                if let Rows::Attempts(rows) = self.rows(key) {
                    rows.push(fact);
                }
            }
            Fact::Evidence(fact) => {
                let key = (Dataset::Evidence, day, fact.tenant.clone());
                if let Rows::Evidence(rows) = self.rows(key) {
                    rows.push(fact);
                }
            }
            Fact::Slice(fact) => {
                let key = (Dataset::Slices, day, fact.tenant.clone());
                if let Rows::Slices(rows) = self.rows(key) {
                    rows.push(fact);
                }
            }
        }
    }

    fn rows(&mut self, key: (Dataset, i64, String)) -> &mut Rows {
        let dataset = key.0;
        self.parts.entry(key).or_insert_with(|| Rows::empty(dataset))
    }

    /// One draft for each file that it makes, in order of table, day, tenant.
    pub fn drafts(&self) -> impl Iterator<Item = Draft<'_>> {
        self.parts.iter().map(|((dataset, day, tenant), rows)| Draft {
            dataset: *dataset,
            date: date_of(*day),
            tenant: tenant.clone(),
            rows: Cow::Borrowed(rows),
        })
    }
}

const MICROS_OF_DAY: i64 = 86_400_000_000;

fn date_of(day: i64) -> String {
    let date = Timestamp::from_unix_micros(day * MICROS_OF_DAY);
    date.to_chrono().format("%Y-%m-%d").to_string()
}

impl Draft<'_> {
    /// A file of a table that has its columns and no row.
    #[must_use]
    pub fn empty(dataset: Dataset, tenant: &str) -> Self {
        let rows = Cow::Owned(Rows::empty(dataset));
        Self { dataset, date: date_of(0), tenant: tenant.to_owned(), rows }
    }

    /// How many rows it has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.rows.count()
    }

    /// Writes it to a new file.
    ///
    /// # Errors
    /// [`FileError::Disk`].
    pub fn write(&self, path: &Path) -> Result<Written, FileError> {
        let frame = self.rows.frame().map_err(|error| FileError::damaged(path, &error))?;
        parquet::write(frame, path)
    }
}
