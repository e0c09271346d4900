use std::path::PathBuf;

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
}

impl Default for ArtifactsConfig {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("artifacts"),
            max_bytes: 256 * 1024 * 1024,
            concurrent_operations: 64,
        }
    }
}

impl ArtifactsConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// [`schema::Invalid`] naming the key, the value and the rule.
    pub fn check(&self) -> Result<(), schema::Invalid> {
        let wrong = |key: &str, value: &str, rule: &str| {
            Err(schema::Invalid::new(format!("artifacts.{key}"), value, rule))
        };
        if self.dir.as_os_str().is_empty() {
            return wrong("dir", "", "must name a directory");
        }
        if !(1..=1 << 40).contains(&self.max_bytes) {
            return wrong("max_bytes", &self.max_bytes.to_string(), "must be 1 to 1099511627776");
        }
        if !(1..=512).contains(&self.concurrent_operations) {
            let value = self.concurrent_operations.to_string();
            return wrong("concurrent_operations", &value, "must be 1 to 512");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::ArtifactsConfig;

    fn told(config: &ArtifactsConfig) -> Option<String> {
        config.check().err().map(|invalid| invalid.to_string())
    }

    #[test]
    fn a_wrong_value_is_named_with_its_key_and_rule() {
        assert_eq!(told(&ArtifactsConfig::default()), None);
        let none = ArtifactsConfig { max_bytes: 0, ..Default::default() };
        let rule = r#"artifacts.max_bytes: "0" must be 1 to 1099511627776"#;
        assert_eq!(told(&none).as_deref(), Some(rule));
        let many = ArtifactsConfig { concurrent_operations: 513, ..Default::default() };
        let rule = r#"artifacts.concurrent_operations: "513" must be 1 to 512"#;
        assert_eq!(told(&many).as_deref(), Some(rule));
        let nowhere = ArtifactsConfig { dir: "".into(), ..Default::default() };
        let rule = r#"artifacts.dir: "" must name a directory"#;
        assert_eq!(told(&nowhere).as_deref(), Some(rule));
    }
}
