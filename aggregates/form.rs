//! Rules of form that several rooms share: how long a text may be, how many values a set may have. What breaks one is
//! named by field, value and rule. Knows no aggregate.

use std::collections::{BTreeMap, BTreeSet};

use schema::events::KeyLimits;
use schema::{
    AttributeValue, Attributes, ColumnSpec, Frame, Invalid, Preferences, ReportName, Selector,
    Timing, checked_line,
};

/// Longest name of a thing for people, in bytes.
pub const MAX_TITLE_BYTES: usize = 200;
/// Longest reason or note, in bytes.
pub const MAX_REASON_BYTES: usize = 500;
/// Longest opaque id that is no name of ours (an owner, a node, a follower), in bytes.
pub const MAX_OPAQUE_BYTES: usize = 128;
/// Longest time until a delivery expires, in seconds: 90 days.
pub const MAX_DEADLINE_S: u32 = 90 * 24 * 60 * 60;
/// Most attributes a version may have, or a selector may name.
pub const MAX_ATTRIBUTES: usize = 32;
/// Longest text an attribute may hold, in bytes.
pub const MAX_ATTRIBUTE_BYTES: usize = 256;
/// Longest name of an attribute, in bytes.
pub const MAX_ATTRIBUTE_NAME_BYTES: usize = 64;
/// Most values a selector may list for one attribute.
pub const MAX_SELECTOR_VALUES: usize = 64;
/// Most reports, and most groups, that a key may be limited to.
pub const MAX_KEY_LIMITS: usize = 100;
/// Longest language tag, in bytes (BCP 47 recommends room for 35).
pub const MAX_LOCALE_BYTES: usize = 35;

/// A name for people: one line of 1 to [`MAX_TITLE_BYTES`].
///
/// # Errors
/// [`Invalid`] naming `title`.
pub fn title(text: &str) -> Result<(), Invalid> {
    checked_line("title", text, MAX_TITLE_BYTES).map(drop)
}

/// Why something is done: one line of 1 to [`MAX_REASON_BYTES`].
///
/// # Errors
/// [`Invalid`] naming `reason`.
pub fn reason(text: &str) -> Result<(), Invalid> {
    checked_line("reason", text, MAX_REASON_BYTES).map(drop)
}

/// An opaque id: one line of 1 to [`MAX_OPAQUE_BYTES`].
///
/// # Errors
/// [`Invalid`] naming `field`.
pub fn opaque(field: &str, text: &str) -> Result<(), Invalid> {
    checked_line(field, text, MAX_OPAQUE_BYTES).map(drop)
}

/// A time until expiry: 1 to [`MAX_DEADLINE_S`].
///
/// # Errors
/// [`Invalid`] naming `deadline_s`.
pub fn deadline_s(seconds: u32) -> Result<(), Invalid> {
    if (1..=MAX_DEADLINE_S).contains(&seconds) {
        return Ok(());
    }
    let rule = format!("must be 1 to {MAX_DEADLINE_S} seconds");
    Err(Invalid::new("deadline_s", &seconds.to_string(), rule))
}

/// A language tag by its outer shape (RFC 5646): subtags of 1 to 8 letters or digits, joined by hyphens.
///
/// # Errors
/// [`Invalid`] naming `locale`.
pub fn locale(tag: &str) -> Result<(), Invalid> {
    let subtag = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_alphanumeric())
    };
    if tag.len() <= MAX_LOCALE_BYTES && tag.split('-').all(subtag) {
        return Ok(());
    }
    Err(Invalid::new("locale", tag, "must be a BCP 47 language tag such as de or en-GB"))
}

/// The attributes of a version: at most [`MAX_ATTRIBUTES`], each name of 1 to [`MAX_ATTRIBUTE_NAME_BYTES`] of
/// `A-Z a-z 0-9 . _ -`, each text of at most [`MAX_ATTRIBUTE_BYTES`] and without NUL.
///
/// # Errors
/// [`Invalid`] naming the attribute.
pub fn attributes(attributes: &Attributes) -> Result<(), Invalid> {
    at_most("attributes", attributes.len(), MAX_ATTRIBUTES)?;
    for (name, value) in attributes {
        attribute_name(name)?;
        attribute_value(name, value)?;
    }
    Ok(())
}

/// What a subscription selects by: as [`attributes`], with 1 to [`MAX_SELECTOR_VALUES`] values each.
///
/// # Errors
/// [`Invalid`] naming the attribute.
pub fn selector(selector: &Selector) -> Result<(), Invalid> {
    at_most("selector.attributes", selector.attributes.len(), MAX_ATTRIBUTES)?;
    for (name, values) in &selector.attributes {
        attribute_name(name)?;
        if values.is_empty() || values.len() > MAX_SELECTOR_VALUES {
            let rule = format!("must list 1 to {MAX_SELECTOR_VALUES} values");
            return Err(Invalid::new(field(name), &values.len().to_string(), rule));
        }
        values.iter().try_for_each(|value| attribute_value(name, value))?;
    }
    Ok(())
}

/// What a report declares of its data frames: at most [`Frame::MAX_COLUMNS`], each name one line of 1 to
/// [`MAX_TITLE_BYTES`], none twice.
///
/// # Errors
/// [`Invalid`] naming the column.
pub fn columns(columns: &[ColumnSpec]) -> Result<(), Invalid> {
    at_most("columns", columns.len(), Frame::MAX_COLUMNS)?;
    let mut seen = BTreeSet::new();
    for (at, column) in columns.iter().enumerate() {
        let field = format!("columns[{at}].name");
        checked_line(&field, &column.name, MAX_TITLE_BYTES)?;
        if !seen.insert(&column.name) {
            return Err(Invalid::new(field, &column.name, "must not be named twice"));
        }
    }
    Ok(())
}

/// What a key is limited to: at most [`MAX_KEY_LIMITS`] reports and as many groups.
///
/// # Errors
/// [`Invalid`] naming the value and the rule.
pub fn key_limits(limits: &KeyLimits) -> Result<(), Invalid> {
    for (field, count) in [("reports", limits.reports.len()), ("groups", limits.groups.len())] {
        if count > MAX_KEY_LIMITS {
            let rule = format!("must be at most {MAX_KEY_LIMITS} in number");
            return Err(Invalid::new(format!("limits.{field}"), &count.to_string(), rule));
        }
    }
    let is_name = |text: &str| ReportName::try_new(text.strip_suffix('*').unwrap_or(text)).is_ok();
    match limits.reports.iter().find(|text| !is_name(text)) {
        None => Ok(()),
        Some(wrong) => {
            let rule = "must be a report's name, or how names begin and then *";
            Err(Invalid::new("limits.reports", wrong, rule))
        }
    }
}

/// What a subscription prefers: one channel at least, nothing twice, a deadline within bounds.
///
/// # Errors
/// [`Invalid`] naming the field within `preferences`.
pub fn preferences(preferences: &Preferences) -> Result<(), Invalid> {
    if preferences.channels.is_empty() {
        return Err(Invalid::new("preferences.channels", "[]", "must name one channel at least"));
    }
    no_twice("preferences.channels", &preferences.channels)?;
    no_twice("preferences.formats", &preferences.formats)?;
    preferences.deadline_s.map_or(Ok(()), deadline_s).map_err(|e| e.within("preferences"))?;
    timing(&preferences.timing).map_err(|e| e.within("preferences.timing"))
}

/// When something may be sent: not only at a time that lies in quiet hours.
///
/// # Errors
/// [`Invalid`] naming `at`.
pub fn timing(timing: &Timing) -> Result<(), Invalid> {
    let (Some(at), Some(quiet)) = (timing.at, timing.quiet_hours) else { return Ok(()) };
    if quiet.holds(at.to_chrono()) {
        let rule = format!("must lie outside the quiet hours, {quiet}");
        return Err(Invalid::new("at", &at.to_string(), rule));
    }
    Ok(())
}

fn no_twice<T: Ord + ToString>(field: &str, values: &[T]) -> Result<(), Invalid> {
    let mut seen = BTreeMap::new();
    match values.iter().find(|value| seen.insert(*value, ()).is_some()) {
        Some(value) => Err(Invalid::new(field, &value.to_string(), "must not be named twice")),
        None => Ok(()),
    }
}

fn field(attribute: &str) -> String {
    format!("attributes.{}", attribute.chars().take(MAX_ATTRIBUTE_NAME_BYTES).collect::<String>())
}

fn attribute_name(name: &str) -> Result<(), Invalid> {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
    if (1..=MAX_ATTRIBUTE_NAME_BYTES).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(Invalid::new("attributes", name, "must be named by 1 to 64 of A-Z a-z 0-9 . _ -"))
}

fn attribute_value(name: &str, value: &AttributeValue) -> Result<(), Invalid> {
    match value {
        AttributeValue::Bool(_) | AttributeValue::Int(_) => Ok(()),
        AttributeValue::Text(text) if text.len() > MAX_ATTRIBUTE_BYTES => {
            let rule = format!("must have at most {MAX_ATTRIBUTE_BYTES} bytes");
            Err(Invalid::new(field(name), text, rule))
        }
        AttributeValue::Text(text) if text.contains('\0') => {
            Err(Invalid::new(field(name), &text.escape_debug().to_string(), "must not contain NUL"))
        }
        AttributeValue::Text(_) => Ok(()),
    }
}

fn at_most(field: &str, count: usize, most: usize) -> Result<(), Invalid> {
    if count <= most {
        return Ok(());
    }
    Err(Invalid::new(field, &count.to_string(), format!("must be at most {most} in number")))
}
