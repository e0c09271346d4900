use serde::{Deserialize, Serialize};

/// A value that breaks a rule of form. Names the field, the value (shortened) and the rule, so that a person can mend
/// it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{field}: {value:?} {rule}")]
pub struct Invalid {
    /// Which field, as the caller spells it.
    pub field: String,
    /// What was given, at most 80 characters of it.
    pub value: String,
    /// The rule it breaks, as the end of the sentence "the value …".
    pub rule: String,
}

impl Invalid {
    /// An error for `field`; `value` is shortened to 80 characters.
    pub fn new(field: impl Into<String>, value: &str, rule: impl Into<String>) -> Self {
        let mut short: String = value.chars().take(80).collect();
        if value.chars().nth(80).is_some() {
            short.push('…');
        }
        Self { field: field.into(), value: short, rule: rule.into() }
    }

    /// An error for `field` unless `value` is one of `least` to `most`.
    #[must_use]
    pub fn unless_within(field: &str, value: u64, least: u64, most: u64) -> Option<Self> {
        let rule = || format!("must be {least} to {most}");
        (!(least..=most).contains(&value)).then(|| Self::new(field, &value.to_string(), rule()))
    }

    /// The same error, told of a field inside `outer`.
    #[must_use]
    pub fn within(mut self, outer: &str) -> Self {
        self.field = format!("{outer}.{}", self.field);
        self
    }
}
