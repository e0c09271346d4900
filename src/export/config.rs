use std::path::PathBuf;

use schema::Invalid;
use serde::Deserialize;

/// Whether and where the log is exported as Parquet. Section `export`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExportConfig {
    /// Whether the log is exported. Questions are answered without, from the log itself, but slower. Key
    /// `export.enabled`.
    pub enabled: bool,
    /// The folder; every node must reach the same one. Key `export.folder`.
    pub folder: PathBuf,
    /// Events in a block, 100 to 1,000,000. What is not yet a whole block is read from the log with each question. Key
    /// `export.block_events`.
    pub block_events: u32,
}

impl Default for ExportConfig {
    fn default() -> Self {
        Self { enabled: false, folder: PathBuf::from("export"), block_events: 32_768 }
    }
}

impl ExportConfig {
    /// Every value that breaks its rule, with its key and the rule.
    #[must_use]
    pub fn wrong(&self) -> Vec<Invalid> {
        let folder = self.folder.as_os_str().is_empty();
        let folder = folder.then(|| Invalid::new("export.folder", "", "must name a folder"));
        let events = u64::from(self.block_events);
        let events = Invalid::unless_within("export.block_events", events, 100, 1_000_000);
        folder.into_iter().chain(events).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_right_and_each_wrong_value_is_named() {
        assert_eq!(ExportConfig::default().wrong(), vec![]);
        let wrong = ExportConfig { enabled: true, folder: PathBuf::new(), block_events: 99 };
        let said: Vec<_> = wrong.wrong().iter().map(ToString::to_string).collect();
        let expected = [
            "export.folder: \"\" must name a folder",
            "export.block_events: \"99\" must be 100 to 1000000",
        ];
        assert_eq!(said, expected);
    }
}
