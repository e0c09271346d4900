use std::borrow::Cow;

use crate::AggregateType;

/// Turns the payload of an old version into that of the next one.
pub struct Upcaster {
    /// Kind of stream.
    pub aggregate_type: AggregateType,
    /// Name of the event.
    pub event_type: &'static str,
    /// The version it reads.
    pub from: u16,
    /// Payload of version `from` → payload of version `from + 1`; `None` when the bytes are not that version.
    pub apply: fn(&str) -> Option<String>,
}

/// Every step from an old version to the next. Empty until a second version of an event is released; then the event's
/// `event_version` rises, its step is listed here and the old golden file stays.
pub const UPCASTERS: &[Upcaster] = &[];

/// The payload in the version this program writes, or `None` when it is newer than this program or no number.
pub(super) fn to_current<'p>(
    aggregate_type: AggregateType,
    event_type: &str,
    version: &str,
    payload: &'p str,
) -> Option<Cow<'p, str>> {
    through(UPCASTERS, aggregate_type, event_type, version, payload)
}

fn through<'p>(
    steps: &[Upcaster],
    aggregate_type: AggregateType,
    event_type: &str,
    version: &str,
    payload: &'p str,
) -> Option<Cow<'p, str>> {
    let mut version: u16 = version.parse().ok()?;
    let of_event =
        |step: &&Upcaster| step.aggregate_type == aggregate_type && step.event_type == event_type;
    let current = 1 + steps.iter().filter(of_event).map(|step| step.from).max().unwrap_or(0);
    let mut payload = Cow::Borrowed(payload);
    while version < current {
        let step = steps.iter().filter(of_event).find(|step| step.from == version)?;
        payload = Cow::Owned((step.apply)(&payload)?);
        version += 1;
    }
    (version == current).then_some(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: &[Upcaster] = &[
        Upcaster {
            aggregate_type: AggregateType::Report,
            event_type: "ReportRegistered",
            from: 1,
            apply: |old| Some(old.replace("\"caption\"", "\"title\"")),
        },
        Upcaster {
            aggregate_type: AggregateType::Report,
            event_type: "ReportRegistered",
            from: 2,
            apply: |old| Some(old.replace('}', ",\"lang\":\"en\"}")),
        },
    ];

    fn read(version: &str) -> Option<String> {
        let old = r#"{"caption":"Risk"}"#;
        through(STEPS, AggregateType::Report, "ReportRegistered", version, old).map(Cow::into_owned)
    }

    #[test]
    fn an_old_event_passes_every_step_up_to_the_current_version() {
        assert_eq!(read("1").as_deref(), Some(r#"{"title":"Risk","lang":"en"}"#));
    }

    #[test]
    fn a_current_event_is_left_as_it_is() {
        assert_eq!(read("3").as_deref(), Some(r#"{"caption":"Risk"}"#));
    }

    #[test]
    fn an_event_of_the_future_is_not_guessed_at() {
        assert_eq!(read("4"), None);
        assert_eq!(read("one"), None);
    }
}
