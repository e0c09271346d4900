use schema::Invalid;
use serde::Deserialize;

/// Whether and where the log is mirrored to Kafka. Section `mirror`; the brokers are those of section `kafka`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MirrorConfig {
    /// Whether the log is mirrored. Key `mirror.enabled`.
    pub enabled: bool,
    /// What its topics are called by: `<name>.delivery`, `<name>.checkpoint`, …; 1 to 200 of A-Z a-z 0-9 . _ -. Under
    /// another name the log is mirrored anew from its first event. Key `mirror.name`.
    pub name: String,
    /// Partitions of each topic: 1 to 1,000. A topic keeps the number it was made with. Key `mirror.partitions`.
    pub partitions: i32,
}

impl Default for MirrorConfig {
    fn default() -> Self {
        Self { enabled: false, name: "waybill".to_owned(), partitions: 6 }
    }
}

impl MirrorConfig {
    /// Every value that breaks its rule, with its key and the rule.
    #[must_use]
    pub fn wrong(&self) -> Vec<Invalid> {
        let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
        let fits = (1..=200).contains(&self.name.len()) && self.name.bytes().all(allowed);
        let rule = "must be 1 to 200 of A-Z a-z 0-9 . _ -";
        let name = (!fits).then(|| Invalid::new("mirror.name", &self.name, rule));
        let partitions = u64::try_from(self.partitions).unwrap_or(0);
        let partitions = Invalid::unless_within("mirror.partitions", partitions, 1, 1_000);
        name.into_iter().chain(partitions).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_right_and_each_wrong_value_is_named() {
        assert_eq!(MirrorConfig::default().wrong(), vec![]);
        let wrong = MirrorConfig { enabled: true, name: "a b".to_owned(), partitions: 0 };
        let said: Vec<_> = wrong.wrong().iter().map(ToString::to_string).collect();
        let expected = [
            "mirror.name: \"a b\" must be 1 to 200 of A-Z a-z 0-9 . _ -",
            "mirror.partitions: \"0\" must be 1 to 1000",
        ];
        assert_eq!(said, expected);
    }
}
