use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail};
use schema::SubscriptionId;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use serde_saphyr::Spanned;

use crate::cli::yaml;

/// What an owner wants.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Whose it is: its subscriptions are named `OWNER.NAME`.
    pub owner: String,
    /// By their names.
    pub subscriptions: BTreeMap<String, Spanned<Entry>>,
}

/// A subscription. What is not named stays as it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    recipient: Option<Spanned<String>>,
    group: Option<Spanned<String>>,
    report: Spanned<String>,
    attributes: Option<Map<String, Value>>,
    channels: Vec<String>,
    formats: Option<Vec<String>>,
    deadline_s: Option<u32>,
    timing: Option<Map<String, Value>>,
}

/// What a subscription names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Recipient,
    Group,
    Report,
}

impl Document {
    /// Reads and checks a document.
    pub fn read(file: &Path) -> Result<Self> {
        let document: Self = yaml::read(file)?;
        document.check(file)?;
        Ok(document)
    }

    fn check(&self, file: &Path) -> Result<()> {
        for (name, entry) in &self.subscriptions {
            let at = (entry.referenced.line(), entry.referenced.column());
            let wrong =
                |why: String| format!("{}:{}:{}: {name}: {why}", file.display(), at.0, at.1);
            if let Err(invalid) = SubscriptionId::try_new(self.id(name)) {
                bail!(wrong(invalid.to_string()));
            }
            if entry.value.recipient.is_some() == entry.value.group.is_some() {
                bail!(wrong("must name a recipient or a group, and not both".to_owned()));
            }
        }
        Ok(())
    }

    /// A subscription's id, which says whose it is.
    pub fn id(&self, name: &str) -> String {
        format!("{}.{name}", self.owner)
    }
}

impl Entry {
    /// What it names that must be there, by kind and with its place in the document.
    pub fn names(&self) -> impl Iterator<Item = (Kind, &Spanned<String>)> {
        let subscriber = [(Kind::Recipient, &self.recipient), (Kind::Group, &self.group)];
        let subscriber =
            subscriber.into_iter().filter_map(|(kind, name)| Some((kind, name.as_ref()?)));
        let report = Some(&self.report).filter(|report| report.value != "*");
        subscriber.chain(report.map(|report| (Kind::Report, report)))
    }

    /// What is to hold, where `standing` holds now: what the document does not name is left as it is.
    pub fn wanted(&self, standing: Option<&Value>) -> Value {
        let part = |name: &str| standing.map_or_else(|| json!({}), |known| known[name].clone());
        let (mut selector, mut preferences) = (part("selector"), part("preferences"));
        selector["report"] = json!(self.report.value);
        preferences["channels"] = json!(self.channels);
        set(&mut selector, "attributes", self.attributes.as_ref().map(|map| json!(map)));
        set(&mut preferences, "formats", self.formats.as_ref().map(|list| json!(list)));
        set(&mut preferences, "deadline_s", self.deadline_s.map(|seconds| json!(seconds)));
        set(&mut preferences, "timing", self.timing.as_ref().map(|map| json!(map)));
        let mut wanted = json!({ "selector": selector, "preferences": preferences });
        for (name, value) in [("recipient", &self.recipient), ("group", &self.group)] {
            if let Some(value) = value {
                wanted[name] = json!(value.value);
            }
        }
        wanted
    }
}

/// Sets what is named; what is named as empty is as if it were absent.
fn set(part: &mut Value, name: &str, value: Option<Value>) {
    let Some(value) = value else { return };
    let is_empty =
        value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty);
    match part.as_object_mut() {
        Some(fields) if is_empty => drop(fields.remove(name)),
        _ => part[name] = value,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::path::Path;

    use anyhow::Result;
    use serde_json::json;

    use super::Document;
    use crate::cli::yaml;

    const GOOD: &str = "owner: desk\nsubscriptions:\n  ada:\n    recipient: ada\n    report: risk\n    \
        channels: [mail]\n";

    fn parsed(text: &str) -> Result<Document> {
        let file = Path::new("wanted.yaml");
        let document: Document = yaml::parse(text, file)?;
        document.check(file)?;
        Ok(document)
    }

    fn complaint(text: &str) -> String {
        parsed(text).unwrap_err().to_string()
    }

    #[test]
    fn what_is_not_named_stays_as_it_is_and_what_is_named_empty_goes() {
        let document = parsed(GOOD).unwrap();
        let standing = json!({
            "recipient": "ada", "selector": { "report": "*", "attributes": { "region": ["eu"] } },
            "preferences": { "channels": ["webhook"], "formats": ["pdf"] }
        });
        let wanted = document.subscriptions["ada"].value.wanted(Some(&standing));
        let expected = json!({
            "recipient": "ada", "selector": { "report": "risk", "attributes": { "region": ["eu"] } },
            "preferences": { "channels": ["mail"], "formats": ["pdf"] }
        });
        assert_eq!(wanted, expected);
        let bare = GOOD.to_owned() + "    formats: []\n    attributes: {}\n";
        let document = parsed(&bare).unwrap();
        let wanted = document.subscriptions["ada"].value.wanted(Some(&standing));
        assert_eq!(wanted["preferences"], json!({ "channels": ["mail"] }));
        assert_eq!(wanted["selector"], json!({ "report": "risk" }));
    }

    #[test]
    fn what_is_wrong_is_told_by_line_and_column() {
        let twice = GOOD.to_owned()
            + "  ada:\n    recipient: bob\n    report: risk\n    channels: [mail]\n";
        assert!(complaint(&twice).starts_with("wanted.yaml:7:3: "), "{}", complaint(&twice));
        let unknown = GOOD.to_owned() + "    colour: red\n";
        let said = complaint(&unknown);
        assert!(said.starts_with("wanted.yaml:7:") && said.contains("colour"), "{said}");
        let both = GOOD.to_owned() + "    group: desk\n";
        let said = complaint(&both);
        assert!(
            said.starts_with("wanted.yaml:4:5: ada: must name a recipient or a group"),
            "{said}"
        );
        let name = GOOD.replace("  ada:", "  a/b:");
        assert!(complaint(&name).contains("a/b: "), "{}", complaint(&name));
        let kind = GOOD.replace("channels: [mail]", "channels: mail");
        assert!(complaint(&kind).starts_with("wanted.yaml:6:"), "{}", complaint(&kind));
        assert!(complaint("owner: [\n").starts_with("wanted.yaml:"));
    }

    #[test]
    fn aliases_are_refused_before_they_are_followed() {
        let bomb = "owner: desk\na: &a [x, x]\nb: &b [*a, *a, *a]\nsubscriptions: {}\n";
        assert!(complaint(bomb).starts_with("wanted.yaml:"));
        let alias = "owner: desk\nsubscriptions:\n  ada: &ada\n    recipient: ada\n    report: risk\n    \
            channels: [mail]\n  bob: *ada\n";
        let said = complaint(alias);
        assert!(said.starts_with("wanted.yaml:7:"), "{said}");
    }
}
