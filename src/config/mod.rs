//! What an operator may set: a TOML file, then variables `WAYBILL_<SECTION>__<KEY>`. Nothing else reads the
//! environment. Every wrong value is named, all of them at once.

mod secrets;
mod sections;
#[cfg(test)]
mod tests;

use std::path::Path;

use analysis::AnalyticsConfig;
use anyhow::{Result, bail};
use api::{ApiConfig, InboxConfig};
use artifacts::ArtifactsConfig;
use channels::email::EmailConfig;
use channels::webhook::WebhookConfig;
use dispatch::DispatchConfig;
use export::ExportConfig;
use figment::providers::{Env, Format, Toml};
use figment::{Figment, Provider};
use followers::{FollowerConfig, MirrorConfig};
use intake::{IntakeConfig, KafkaConfig};
use returns::ReturnsConfig;
use schema::Invalid;
use serde::de::DeserializeOwned;

pub use sections::{
    DatabaseSection, LogConfig, LogFormat, NodeSection, RetrySection, TracesConfig, VaultSection,
};

/// The sections there are. A variable or a table of another name is an error.
const SECTIONS: [&str; 19] = [
    "node",
    "api",
    "inbox",
    "database",
    "vault",
    "kafka",
    "intake",
    "artifacts",
    "mail",
    "returns",
    "webhook",
    "dispatch",
    "followers",
    "mirror",
    "export",
    "analytics",
    "retry",
    "log",
    "traces",
];

/// Variables with the prefix that are not settings: the command line's own, and the test servers'.
const NOT_SETTINGS: [&str; 5] = ["config", "url", "key", "test_", "bless"];

/// Everything that is wrong with a configuration, each as a sentence that begins with the key.
#[derive(Debug, thiserror::Error)]
#[error("configuration: {}", .0.join("\n  "))]
pub struct WrongConfig(pub Vec<String>);

/// The whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// This process.
    pub node: NodeSection,
    /// The API.
    pub api: ApiConfig,
    /// Recipients' inboxes.
    pub inbox: InboxConfig,
    /// The ledger's database.
    pub database: DatabaseSection,
    /// The keys' database.
    pub vault: VaultSection,
    /// Kafka; no intake from it without brokers.
    pub kafka: KafkaConfig,
    /// Planning.
    pub intake: IntakeConfig,
    /// Artifacts on disk.
    pub artifacts: ArtifactsConfig,
    /// The mail channel.
    pub mail: EmailConfig,
    /// What comes back by mail.
    pub returns: ReturnsConfig,
    /// The webhook channel.
    pub webhook: WebhookConfig,
    /// Sends.
    pub dispatch: DispatchConfig,
    /// Followers of the log.
    pub followers: FollowerConfig,
    /// The log on Kafka.
    pub mirror: MirrorConfig,
    /// The log as Parquet.
    pub export: ExportConfig,
    /// Questions over it.
    pub analytics: AnalyticsConfig,
    /// Retry schedules by channel.
    pub retry: RetrySection,
    /// Logs.
    pub log: LogConfig,
    /// Traces.
    pub traces: TracesConfig,
}

impl Config {
    /// Reads the file, if any, and the environment.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        let mut figment = Figment::new();
        if let Some(file) = file {
            if !file.is_file() {
                bail!("configuration: {} is no file", file.display());
            }
            let file = Toml::file_exact(file);
            if let Err(error) = file.data() {
                let name = file.metadata().source.map(|source| format!("{source}: "));
                bail!(
                    "configuration: {}{}",
                    name.unwrap_or_default(),
                    secrets::told_of_file(&error)
                );
            }
            figment = figment.merge(file);
        }
        let setting = |name: &figment::value::UncasedStr| {
            let name = name.as_str().to_ascii_lowercase();
            !NOT_SETTINGS.iter().any(|other| name.starts_with(other))
        };
        let environment = Env::prefixed("WAYBILL_").filter(setting).split("__");
        Self::from_figment(&secrets::as_texts(secrets::with_environment(figment, &environment)))
    }

    fn from_figment(figment: &Figment) -> Result<Self> {
        let mut wrong = unknown_sections(figment);
        let config = (
            section(figment, "node", NodeSection::wrong, &mut wrong),
            section(figment, "api", ApiConfig::wrong, &mut wrong),
            section(figment, "inbox", InboxConfig::wrong, &mut wrong),
            section(figment, "database", DatabaseSection::wrong, &mut wrong),
            section(figment, "vault", VaultSection::wrong, &mut wrong),
            section(figment, "kafka", KafkaConfig::wrong, &mut wrong),
            section(figment, "intake", IntakeConfig::wrong, &mut wrong),
            section(figment, "artifacts", ArtifactsConfig::wrong, &mut wrong),
            section(figment, "mail", EmailConfig::wrong, &mut wrong),
            section(figment, "returns", ReturnsConfig::wrong, &mut wrong),
            section(figment, "webhook", WebhookConfig::wrong, &mut wrong),
            section(figment, "dispatch", DispatchConfig::wrong, &mut wrong),
            section(figment, "followers", FollowerConfig::wrong, &mut wrong),
            section(figment, "mirror", MirrorConfig::wrong, &mut wrong),
            section(figment, "export", ExportConfig::wrong, &mut wrong),
            section(figment, "analytics", AnalyticsConfig::wrong, &mut wrong),
            section(figment, "retry", RetrySection::wrong, &mut wrong),
            section(figment, "log", LogConfig::wrong, &mut wrong),
            section(figment, "traces", TracesConfig::wrong, &mut wrong),
        );
        let (
            Some(node),
            Some(api),
            Some(inbox),
            Some(database),
            Some(vault),
            Some(kafka),
            Some(intake),
            Some(artifacts),
            Some(mail),
            Some(returns),
            Some(webhook),
            Some(dispatch),
            Some(followers),
            Some(mirror),
            Some(export),
            Some(analytics),
            Some(retry),
            Some(log),
            Some(traces),
        ) = config
        else {
            return Err(WrongConfig(wrong).into());
        };
        let config = Self {
            node,
            api,
            inbox,
            database,
            vault,
            kafka,
            intake,
            artifacts,
            mail,
            returns,
            webhook,
            dispatch,
            followers,
            mirror,
            export,
            analytics,
            retry,
            log,
            traces,
        };
        wrong.extend(config.mirror_without_brokers());
        if wrong.is_empty() { Ok(config) } else { Err(WrongConfig(wrong).into()) }
    }
}

impl Config {
    fn mirror_without_brokers(&self) -> Option<String> {
        let asked = self.mirror.enabled && self.kafka.brokers.is_empty();
        asked.then(|| "mirror.enabled: \"true\" needs kafka.brokers".to_owned())
    }
}

fn unknown_sections(figment: &Figment) -> Vec<String> {
    let Ok(all) = figment.extract::<figment::value::Dict>() else { return Vec::new() };
    all.keys()
        .filter(|name| !SECTIONS.contains(&name.as_str()))
        .map(|name| format!("{name}: is no section; there are {}", SECTIONS.join(", ")))
        .collect()
}

/// A section, or its defaults where they suffice; what is wrong in it goes to `wrong`: all of it, so what was found is
/// taken out and the rest is looked at again, in the end by the rules that types cannot hold.
fn section<T: DeserializeOwned>(
    figment: &Figment,
    name: &str,
    rules: impl Fn(&T) -> Vec<Invalid>,
    wrong: &mut Vec<String>,
) -> Option<T> {
    if figment.find_value(name).is_ok_and(|value| value.as_dict().is_none()) {
        wrong.push(format!("{name}: must be a table of keys"));
        return None;
    }
    let mut figment = figment.clone();
    let mut is_sound = true;
    loop {
        let result = if figment.contains(name) {
            figment.extract_inner::<T>(name)
        } else {
            Figment::new().extract::<T>()
        };
        match result {
            Ok(section) => {
                wrong.extend(rules(&section).iter().map(ToString::to_string));
                return is_sound.then_some(section);
            }
            Err(errors) => {
                let first = errors.clone().into_iter().next();
                wrong.extend(errors.into_iter().map(|error| describe(name, &error)));
                is_sound = false;
                figment = without(&figment, name, &first?)?;
            }
        }
    }
}

/// The section without the value that `error` speaks of; nothing when it speaks of none that is there.
fn without(figment: &Figment, section: &str, error: &figment::Error) -> Option<Figment> {
    let mut path = inner_path(section, error);
    if let figment::error::Kind::UnknownField(field, _) = &error.kind
        && path.last() != Some(field)
    {
        path.push(field.clone());
    }
    let mut value = figment.find_value(section).ok()?;
    let (last, parents) = path.split_last()?;
    let mut within = &mut value;
    for parent in parents {
        let figment::value::Value::Dict(_, dict) = within else { return None };
        within = dict.get_mut(parent)?;
    }
    let figment::value::Value::Dict(_, dict) = within else { return None };
    dict.remove(last)?;
    Some(Figment::new().merge((section, value)))
}

/// Where in its section a value lies: figment names the section last.
fn inner_path(section: &str, error: &figment::Error) -> Vec<String> {
    let mut path = error.path.clone();
    if path.last().is_some_and(|last| last == section) {
        path.pop();
    }
    path
}

fn describe(section: &str, error: &figment::Error) -> String {
    let mut path = vec![section.to_owned()];
    path.extend(inner_path(section, error));
    let source = match &error.metadata {
        Some(from) if from.source.is_some() || from.name.contains("environment") => {
            format!(" (in {})", from.name)
        }
        _ => String::new(),
    };
    let key = path.join(".");
    format!("{key}: {}{source}", secrets::told(&key, &error.kind))
}
