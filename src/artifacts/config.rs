use std::path::PathBuf;

use schema::Invalid;
use serde::{Deserialize, Serialize};

/// Where artifacts are kept and how large they may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ArtifactsConfig {
    /// Directory, made when missing; shared by all nodes of one installation. Key `artifacts.dir`.
    pub dir: PathBuf,
    /// Largest artifact, in bytes: 1 to 1,099,511,627,776. Key `artifacts.max_bytes`.
    pub max_bytes: u64,
    /// Disk operations under way at once: 1 to 512. Key `artifacts.concurrent_operations`.
    pub concurrent_operations: u16,
    /// Data frames rendered at once, and as many checked, each with some hundred MB in memory at most: 1 to 64.
    /// Key `artifacts.concurrent_renders`.
    pub concurrent_renders: u16,
}

impl Default for ArtifactsConfig {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("artifacts"),
            max_bytes: 256 * 1024 * 1024,
            concurrent_operations: 64,
            concurrent_renders: 2,
        }
    }
}

impl ArtifactsConfig {
    /// Every value that breaks its rule, with its key and the rule.
    #[must_use]
    pub fn wrong(&self) -> Vec<Invalid> {
        let nowhere = self.dir.as_os_str().is_empty();
        let operations = u64::from(self.concurrent_operations);
        let renders = u64::from(self.concurrent_renders);
        let wrong = [
            nowhere.then(|| Invalid::new("artifacts.dir", "", "must name a directory")),
            Invalid::unless_within("artifacts.max_bytes", self.max_bytes, 1, 1 << 40),
            Invalid::unless_within("artifacts.concurrent_operations", operations, 1, 512),
            Invalid::unless_within("artifacts.concurrent_renders", renders, 1, 64),
        ];
        wrong.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::ArtifactsConfig;

    #[test]
    fn each_wrong_value_is_named_with_its_key_and_rule() {
        assert_eq!(ArtifactsConfig::default().wrong(), []);
        let wrong = ArtifactsConfig {
            dir: "".into(),
            max_bytes: 0,
            concurrent_operations: 513,
            concurrent_renders: 0,
        };
        let told: Vec<String> = wrong.wrong().iter().map(ToString::to_string).collect();
        let rules = [
            r#"artifacts.dir: "" must name a directory"#,
            r#"artifacts.max_bytes: "0" must be 1 to 1099511627776"#,
            r#"artifacts.concurrent_operations: "513" must be 1 to 512"#,
            r#"artifacts.concurrent_renders: "0" must be 1 to 64"#,
        ];
        assert_eq!(told, rules);
    }
}
