use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Invalid, ReportName};

/// What a report version says of itself, for matching and templates: at most 32 names with a plain value each.
pub type Attributes = BTreeMap<String, AttributeValue>;

/// A plain value. Numbers are whole: nobody should route on a rounding error.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(untagged)]
pub enum AttributeValue {
    /// true or false
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Text of at most 256 bytes.
    Text(String),
}

impl fmt::Display for AttributeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Text(value) => f.write_str(value),
        }
    }
}

/// Which report a subscription or an entitlement speaks of: one by name, or all (`"*"`).
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub enum ReportSelector {
    /// Every report of the tenant.
    Every,
    /// One report.
    Named(ReportName),
}

impl ReportSelector {
    /// Whether `report` is among those meant.
    #[must_use]
    pub fn covers(&self, report: &ReportName) -> bool {
        match self {
            Self::Every => true,
            Self::Named(name) => name == report,
        }
    }
}

impl fmt::Display for ReportSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every => f.write_str("*"),
            Self::Named(name) => name.fmt(f),
        }
    }
}

impl TryFrom<String> for ReportSelector {
    type Error = Invalid;
    fn try_from(text: String) -> Result<Self, Invalid> {
        if text == "*" { Ok(Self::Every) } else { ReportName::try_new(text).map(Self::Named) }
    }
}

impl From<ReportSelector> for String {
    fn from(selector: ReportSelector) -> Self {
        selector.to_string()
    }
}

/// Which report versions a subscription wants: of a report, with each named attribute being one of the listed values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Selector {
    /// The report, or all.
    pub report: ReportSelector,
    /// Attribute → the values it may have (one: equality; several: set membership). A missing attribute never
    /// matches.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Vec<AttributeValue>>,
}
