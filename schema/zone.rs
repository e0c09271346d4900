mod renamed;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::renamed::RENAMED;
use crate::Invalid;

/// An IANA time zone by name, such as `Europe/Berlin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Zone(chrono_tz::Tz);

impl Zone {
    /// For chrono.
    #[must_use]
    pub const fn to_chrono(self) -> chrono_tz::Tz {
        self.0
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

/// What a person or another program writes. A name that a zone had before, such as `Asia/Calcutta`, is read as today's,
/// `Asia/Kolkata`; one that differs in its letters' case alone is told, not guessed.
impl FromStr for Zone {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let today = RENAMED.binary_search_by_key(&text, |(before, _)| before);
        let today = today.map_or(text, |at| RENAMED[at].1);
        let known = chrono_tz::TZ_VARIANTS.iter();
        let alike = || known.map(|zone| zone.name()).find(|name| name.eq_ignore_ascii_case(text));
        today.parse().map(Self).map_err(|_| {
            let such_as = alike().unwrap_or("Europe/Berlin");
            let rule = format!("must be a time zone of the IANA database, such as {such_as}");
            Invalid::new("zone", text, rule)
        })
    }
}

/// What was stored: the name stays as it is.
impl TryFrom<String> for Zone {
    type Error = Invalid;
    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse().map(Self).or_else(|_| text.parse())
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.to_string()
    }
}
