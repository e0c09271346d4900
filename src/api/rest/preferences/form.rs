use schema::{Format, Invalid, ReportName, SubscriptionId, Zone};
use url::form_urlencoded::parse;

/// What a recipient asks for on its page.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Asked {
    /// Of one subscription.
    Subscription {
        /// Which.
        id: SubscriptionId,
        /// The version that was on the page: a form that was sent before must not undo what came after.
        version: u32,
        /// What.
        wish: Wish,
    },
    /// A report that it has not.
    Report(ReportName),
    /// Of itself.
    Profile {
        /// The sequence that was on the page.
        sequence: i64,
        /// BCP 47 language tag.
        locale: String,
        /// Where it lives.
        zone: Zone,
    },
}

/// What is asked of one subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Pause,
    Resume,
    /// To end it, or to opt out of a group's.
    Leave,
    /// To opt in again to a group's.
    Join,
    /// All files as published, or one format.
    Format(Option<Format>),
}

/// Reads a form. Each field counts once; there are no others.
///
/// # Errors
/// [`Invalid`] naming field, value and rule.
pub(super) fn read(body: &[u8]) -> Result<Asked, Invalid> {
    const KNOWN: [&str; 8] =
        ["action", "subscription", "version", "format", "sequence", "locale", "zone", "report"];
    let mut fields: [Option<String>; KNOWN.len()] = Default::default();
    for (name, value) in parse(body) {
        let known = KNOWN.iter().position(|known| *known == name);
        let at = known.ok_or_else(|| Invalid::new("form", &name, "has no such field"))?;
        if fields[at].replace(value.into_owned()).is_some() {
            return Err(Invalid::new(KNOWN[at], "", "must be given once"));
        }
    }
    let [action, subscription, version, format, sequence, locale, zone, report] = fields;
    let action = given("action", action)?;
    if action == "profile" {
        return Ok(Asked::Profile {
            sequence: number("sequence", sequence)?,
            locale: given("locale", locale)?.trim().to_owned(),
            zone: given("zone", zone)?.trim().parse()?,
        });
    }
    if action == "subscribe" {
        return Ok(Asked::Report(ReportName::try_new(given("report", report)?)?));
    }
    let wish = match action.as_str() {
        "pause" => Wish::Pause,
        "resume" => Wish::Resume,
        "leave" => Wish::Leave,
        "join" => Wish::Join,
        "format" => Wish::Format(one_format(&given("format", format)?)?),
        _ => {
            let rule = "must be one of pause, resume, leave, join, format, subscribe, profile";
            return Err(Invalid::new("action", &action, rule));
        }
    };
    let id = SubscriptionId::try_new(given("subscription", subscription)?)?;
    Ok(Asked::Subscription { id, version: number("version", version)?, wish })
}

fn given(field: &str, value: Option<String>) -> Result<String, Invalid> {
    value.ok_or_else(|| Invalid::new(field, "", "is missing"))
}

fn number<N: std::str::FromStr>(field: &str, value: Option<String>) -> Result<N, Invalid> {
    let text = given(field, value)?;
    text.parse().map_err(|_| Invalid::new(field, &text, "must be the number on the page"))
}

fn one_format(word: &str) -> Result<Option<Format>, Invalid> {
    if word.is_empty() {
        return Ok(None);
    }
    let format = Format::ALL.into_iter().find(|format| format.as_str() == word);
    let rule = "must be one of the formats on the page";
    format.map(Some).ok_or_else(|| Invalid::new("format", word, rule))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn a_form_says_what_is_asked_of_which_state() {
        let read = read(b"action=format&subscription=ada-risk&version=3&format=csv").unwrap();
        let wish = Wish::Format(Some(Format::Csv));
        assert_eq!(read, Asked::Subscription { id: "ada-risk".parse().unwrap(), version: 3, wish });
    }

    #[test]
    fn what_a_form_says_wrongly_is_named() {
        let refused = |body: &str| {
            let Invalid { field, value, .. } = read(body.as_bytes()).unwrap_err();
            (field, value)
        };
        let named = |field: &str, value: &str| (field.to_owned(), value.to_owned());
        assert_eq!(refused(""), named("action", ""));
        assert_eq!(refused("action=grant"), named("action", "grant"));
        assert_eq!(refused("action=pause&version=1"), named("subscription", ""));
        assert_eq!(refused("action=pause&subscription=a&version=x"), named("version", "x"));
        assert_eq!(refused("action=pause&action=resume"), named("action", ""));
        assert_eq!(refused("action=pause&until=never"), named("form", "until"));
        let format = "action=format&subscription=a&version=1&format=exe";
        assert_eq!(refused(format), named("format", "exe"));
        let zone = "action=profile&sequence=1&locale=en&zone=Mars/Olympus";
        assert_eq!(refused(zone), named("zone", "Mars/Olympus"));
    }
}
