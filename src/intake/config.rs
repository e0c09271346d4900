use std::collections::{BTreeMap, BTreeSet};

use schema::{Invalid, TenantId};
use secrecy::SecretString;
use serde::Deserialize;

/// How report versions are planned. Section `intake`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IntakeConfig {
    /// Distributions planned at once: 1 to 64. Key `intake.planning_concurrency`.
    pub planning_concurrency: u32,
    /// Slices of one distribution planned in a row before others may have their turn: 1 to 1,000.
    /// Key `intake.turn_slices`.
    pub turn_slices: u32,
    /// How long an unfinished plan waits for its node before another takes over, in milliseconds: 1,000 to 600,000.
    /// Key `intake.planning_lease_ms`.
    pub planning_lease_ms: u64,
    /// Longest pause between two looks for unfinished plans, in milliseconds: 10 to 60,000.
    /// Key `intake.planning_poll_ms`.
    pub planning_poll_ms: u64,
}

impl Default for IntakeConfig {
    fn default() -> Self {
        Self {
            planning_concurrency: 4,
            turn_slices: 8,
            planning_lease_ms: 15_000,
            planning_poll_ms: 500,
        }
    }
}

impl IntakeConfig {
    /// Refuses a configuration with a value that breaks its rule.
    ///
    /// # Errors
    /// [`Invalid`] naming the key, the value and the rule of the first.
    pub fn check(&self) -> Result<(), Invalid> {
        self.wrong().into_iter().next().map_or(Ok(()), Err)
    }

    /// Every value that breaks its rule, with its key and the rule.
    #[must_use]
    pub fn wrong(&self) -> Vec<Invalid> {
        [
            ("intake.planning_concurrency", self.planning_concurrency.into(), 1, 64),
            ("intake.turn_slices", self.turn_slices.into(), 1, 1_000),
            ("intake.planning_lease_ms", self.planning_lease_ms, 1_000, 600_000),
            ("intake.planning_poll_ms", self.planning_poll_ms, 10, 60_000),
        ]
        .into_iter()
        .filter_map(|(key, value, least, most)| Invalid::unless_within(key, value, least, most))
        .collect()
    }
}

/// How reports come in by Kafka. Section `kafka`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaConfig {
    /// `host:port`, several separated by commas. Empty: nothing is taken from Kafka. Key `kafka.brokers`.
    pub brokers: String,
    /// The consumer group all nodes of one installation share. Key `kafka.group`.
    pub group: String,
    /// Topics to read, and whose reports each carries: 0 to 64; none: nothing is taken from Kafka. Key `kafka.topics`.
    pub topics: Vec<TopicConfig>,
    /// Where messages go that can never be taken, with the reason and their original bytes; those it has no room for
    /// are kept in the artifact store and named there by digest. Key `kafka.rejected_topic`.
    pub rejected_topic: String,
    /// Messages being worked on at once, each up to 3 MB in memory: 1 to 1,024. Key `kafka.in_flight`.
    pub in_flight: u32,
    /// Further settings of the client library (librdkafka), such as `security.protocol`, `sasl.username`,
    /// `sasl.password`, `ssl.ca.location`. Key `kafka.properties`.
    pub properties: BTreeMap<String, SecretString>,
}

/// A topic of reports.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicConfig {
    /// Its name. Key `kafka.topics[].topic`.
    pub topic: String,
    /// Whose reports it carries: a message cannot say otherwise. Key `kafka.topics[].tenant`.
    pub tenant: TenantId,
}

impl Default for KafkaConfig {
    fn default() -> Self {
        Self {
            brokers: String::new(),
            group: "waybill-intake".to_owned(),
            topics: Vec::new(),
            rejected_topic: "reports.rejected".to_owned(),
            in_flight: 32,
            properties: BTreeMap::new(),
        }
    }
}

impl KafkaConfig {
    /// Refuses a configuration with a value that breaks its rule.
    ///
    /// # Errors
    /// [`Invalid`] naming the key, the value and the rule of the first.
    pub fn check(&self) -> Result<(), Invalid> {
        self.wrong().into_iter().next().map_or(Ok(()), Err)
    }

    /// Every value that breaks its rule, with its key and the rule.
    #[must_use]
    pub fn wrong(&self) -> Vec<Invalid> {
        let in_flight = self.in_flight.into();
        let mut wrong =
            Vec::from_iter(Invalid::unless_within("kafka.in_flight", in_flight, 1, 1_024));
        if self.brokers.is_empty() {
            return wrong;
        }
        let topics = self.topics.len() as u64;
        wrong.extend(Invalid::unless_within("kafka.topics", topics, 0, 64));
        wrong.extend(schema::checked_line("kafka.group", &self.group, 200).err());
        wrong.extend(topic_name("kafka.rejected_topic", &self.rejected_topic).err());
        let mut seen = BTreeSet::from([self.rejected_topic.as_str()]);
        for TopicConfig { topic, .. } in &self.topics {
            wrong.extend(topic_name("kafka.topics[].topic", topic).err());
            if !seen.insert(topic) {
                wrong.push(Invalid::new("kafka.topics[].topic", topic, "must be named once"));
            }
        }
        wrong.extend(self.properties.keys().filter_map(|key| reserved_property(key)));
        wrong
    }
}

/// What intake itself relies on is not for the operator to change.
fn reserved_property(key: &str) -> Option<Invalid> {
    const OURS: [&str; 6] = [
        "bootstrap.servers",
        "group.id",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "auto.offset.reset",
        "acks",
    ];
    let rule = "must not be one that intake sets itself";
    OURS.contains(&key).then(|| Invalid::new("kafka.properties", key, rule))
}

fn topic_name(field: &str, name: &str) -> Result<(), Invalid> {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
    if (1..=249).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(Invalid::new(field, name, "must be 1 to 249 of A-Z a-z 0-9 . _ -"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use super::*;

    fn kafka(change: impl FnOnce(&mut KafkaConfig)) -> Result<(), String> {
        let tenant = TenantId::try_new("acme").unwrap();
        let topic = TopicConfig { topic: "reports.ready".to_owned(), tenant };
        let mut config = KafkaConfig {
            brokers: "localhost:9092".to_owned(),
            topics: vec![topic],
            ..Default::default()
        };
        change(&mut config);
        config.check().map_err(|invalid| invalid.to_string())
    }

    #[test]
    fn the_defaults_are_right_and_without_brokers_nothing_else_is_asked_for() {
        assert_eq!(IntakeConfig::default().check(), Ok(()));
        assert_eq!(KafkaConfig::default().check(), Ok(()));
        assert_eq!(kafka(|_| {}), Ok(()));
        assert_eq!(kafka(|config| config.topics.clear()), Ok(()));
    }

    #[test]
    fn a_wrong_value_is_named_with_its_key_and_rule() {
        let config = IntakeConfig { planning_lease_ms: 10, ..Default::default() };
        let told = config.check().unwrap_err().to_string();
        assert_eq!(told, r#"intake.planning_lease_ms: "10" must be 1000 to 600000"#);

        let told = kafka(|config| config.topics[0].topic = "reports ready".to_owned());
        assert!(told.unwrap_err().starts_with(r#"kafka.topics[].topic: "reports ready" must be"#));
        let told = kafka(|config| config.rejected_topic = "reports.ready".to_owned());
        let rule = r#"kafka.topics[].topic: "reports.ready" must be named once"#;
        assert_eq!(told, Err(rule.to_owned()));
    }

    #[test]
    fn what_durability_rests_on_cannot_be_configured_away() {
        let told = kafka(|config| {
            config.properties.insert("enable.auto.offset.store".to_owned(), "true".into());
        });
        let told = told.unwrap_err();
        assert!(told.starts_with(r#"kafka.properties: "enable.auto.offset.store""#), "{told}");
    }
}
