use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AttributeValue, Attributes, Invalid};

/// How much a version matters to whoever finds it in an inbox.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// To be known.
    #[default]
    Info,
    /// To be looked at.
    Warning,
    /// To be acted on.
    Critical,
}

impl Severity {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];
    /// The version's attribute that names it.
    pub const ATTRIBUTE: &str = "severity";

    /// Its name in entries and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// The severity that a version's attribute `severity` names. Any other value means something else to its
    /// publisher, and is, like none, [`Self::Info`]: attributes are free, and no report is lost for a word.
    #[must_use]
    pub fn of(attributes: &Attributes) -> Self {
        match attributes.get(Self::ATTRIBUTE) {
            Some(AttributeValue::Text(name)) => name.parse().unwrap_or_default(),
            Some(AttributeValue::Bool(_) | AttributeValue::Int(_)) | None => Self::default(),
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            Invalid::new(Self::ATTRIBUTE, text, format!("must be one of {known}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn severity(value: AttributeValue) -> Severity {
        Severity::of(&Attributes::from([("severity".to_owned(), value)]))
    }

    #[test]
    fn a_version_is_as_severe_as_its_attribute_says() {
        for known in Severity::ALL {
            assert_eq!(severity(AttributeValue::Text(known.to_string())), known);
        }
    }

    #[test]
    fn an_attribute_that_names_no_severity_makes_no_alarm() {
        assert_eq!(Severity::of(&Attributes::new()), Severity::Info);
        for other in ["CRITICAL", "sev1", ""] {
            assert_eq!(severity(AttributeValue::Text(other.to_owned())), Severity::Info);
        }
        assert_eq!(severity(AttributeValue::Int(3)), Severity::Info);
        assert_eq!(severity(AttributeValue::Bool(true)), Severity::Info);
    }
}
