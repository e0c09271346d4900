use std::fmt;
use std::str::FromStr;

use schema::Invalid;

/// A table of the export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dataset {
    /// Every event, as it is stored.
    Events,
    /// How deliveries ended: one row each.
    Deliveries,
    /// Attempts that failed or are in doubt.
    Attempts,
    /// What was learned of deliveries beside their course.
    Evidence,
    /// What the slices of plans add up to.
    Slices,
}

impl Dataset {
    /// All there are.
    pub const ALL: [Self; 5] =
        [Self::Events, Self::Deliveries, Self::Attempts, Self::Evidence, Self::Slices];

    /// Its name: of its folder, and of its view in SQL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Deliveries => "deliveries",
            Self::Attempts => "attempts",
            Self::Evidence => "evidence",
            Self::Slices => "slices",
        }
    }
}

impl fmt::Display for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Dataset {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let found = Self::ALL.into_iter().find(|one| one.as_str() == text);
        found.ok_or_else(|| Invalid::new("dataset", text, "is not one this program writes"))
    }
}
