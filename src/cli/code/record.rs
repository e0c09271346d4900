use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// What the last apply left, kept beside the document: by it is known what was changed elsewhere since.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Record {
    /// By subscription, the sequence its stream had then.
    pub applied: BTreeMap<String, i64>,
}

impl Record {
    /// As the last apply of the document left it; empty when there was none.
    pub fn read(document: &Path) -> Result<Self> {
        let file = beside(document);
        match fs::read_to_string(&file) {
            Ok(text) => serde_json::from_str(&text).with_context(|| file.display().to_string()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| file.display().to_string()),
        }
    }

    /// Keeps it for the next plan.
    pub fn write(&self, document: &Path) -> Result<()> {
        let file = beside(document);
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(&file, text).with_context(|| file.display().to_string())
    }
}

fn beside(document: &Path) -> PathBuf {
    let mut name = document.as_os_str().to_owned();
    name.push(".applied.json");
    PathBuf::from(name)
}
