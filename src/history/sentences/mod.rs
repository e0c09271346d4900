//! Events in sentences that a person reads. Says nothing that is sealed, and asks nobody.

mod delivery;
mod distribution;
mod group;
mod recipient;
mod subscription;
mod upkeep;

use schema::{GroupId, LedgerEvent, Preferences, Selector, Timestamp, Timing};

pub(crate) use distribution::{not_planned, reason};

/// The event in a sentence that a person reads. Says nothing that is sealed.
#[must_use]
pub fn sentence(event: &LedgerEvent) -> String {
    match event {
        LedgerEvent::Tenant(event) => upkeep::tenant(event),
        LedgerEvent::ApiKey(event) => upkeep::api_key(event),
        LedgerEvent::Report(event) => upkeep::report(event),
        LedgerEvent::Recipient(event) => recipient::of(event),
        LedgerEvent::Group(event) => group::of(event),
        LedgerEvent::Subscription(event) => subscription::of(event),
        LedgerEvent::Distribution(event) => distribution::of(event),
        LedgerEvent::Delivery(event) => delivery::of(event),
    }
}

/// Which versions are meant: `risk where region is EU or US`.
pub(crate) fn selected(selector: &Selector) -> String {
    let report = match &selector.report {
        schema::ReportSelector::Every => "every report".to_owned(),
        schema::ReportSelector::Named(report) => report.to_string(),
    };
    let mut told = report;
    for (at, (name, values)) in selector.attributes.iter().enumerate() {
        let word = if at == 0 { "where" } else { "and" };
        told.push_str(&format!(" {word} {name} is {}", joined(values, " or ")));
    }
    told
}

/// By which group a recipient comes to a subscription, as the end of a phrase; nothing when it is its own.
pub(crate) fn membership(group: Option<&GroupId>) -> String {
    group.map_or_else(String::new, |group| format!(" as a member of group {group}"))
}

fn preferred(preferences: &Preferences) -> String {
    let mut told = format!("by {}", joined(&preferences.channels, ", else "));
    if !preferences.formats.is_empty() {
        told.push_str(&format!(" as {}", joined(&preferences.formats, ", else ")));
    }
    if let Some(seconds) = preferences.deadline_s {
        told.push_str(&format!(" within {seconds} s"));
    }
    let Timing { at, calendar, quiet_hours } = &preferences.timing;
    if let Some(at) = at {
        told.push_str(&format!(" at {at}"));
    }
    if let Some(calendar) = calendar {
        told.push_str(&format!(" on business days of {calendar}"));
    }
    if let Some(quiet) = quiet_hours {
        told.push_str(&format!(" but not within {quiet}"));
    }
    told
}

fn until(end: Option<Timestamp>, otherwise: &str) -> String {
    end.map_or_else(|| otherwise.to_owned(), |end| format!("until {end}"))
}

fn joined<T: ToString>(values: &[T], between: &str) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails loudly")]

    use std::fs;
    use std::path::Path;

    use schema::{AggregateType, LedgerEvent};

    use super::sentence;

    /// The golden files hold one event at least of every kind: whatever was ever stored has a sentence, none of which
    /// tells a sealed value's parts.
    #[test]
    fn every_event_there_is_has_a_sentence_that_tells_nothing_sealed() {
        let mut count = 0;
        for kind in AggregateType::ALL {
            let room = Path::new("../../schema/golden").join(kind.as_str());
            for file in fs::read_dir(room).unwrap() {
                let path = file.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                let (event, version) = name.split_once(".v").unwrap();
                let (version, _) = version.split_once('.').unwrap();
                for payload in fs::read_to_string(&path).unwrap().lines() {
                    let event = LedgerEvent::decode(kind, event, version, payload).unwrap();
                    let told = sentence(&event);
                    assert!(told.len() > 5 && !told.ends_with('.'), "{name}: {told}");
                    assert!(!told.contains("cccc") && !told.contains("kkkk"), "{name}: {told}");
                    count += 1;
                }
            }
        }
        assert!(count > 40, "{count} events");
    }
}
