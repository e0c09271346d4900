//! `waybill export`: how far the log is exported, whether the files are as the manifest says, and their mending.

use anyhow::Result;
use clap::{Args, Subcommand};
use export::{Manifest, mend, verify};
use serde_json::json;

use super::output::{Output, print_done, print_facts, print_rows, say};
use crate::boot;
use crate::config::Config;

/// What to do with the export.
#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say how far the log is exported, and in how many files of what size.
    Status,
    /// Read every file and compare it with the manifest, and their events with the log; exit 1 when anything differs.
    Verify,
    /// Write every file that is not as the manifest says anew from the log.
    Mend,
}

/// Does what was asked for.
pub async fn run(config: &Config, args: ExportArgs, output: Output) -> Result<bool> {
    let ledger = boot::open_ledger(config).await?;
    match args.action {
        Action::Status => {
            let exported = Manifest::new(ledger.pool().clone()).read(None).await?;
            let head = ledger.head().await?;
            let mut tables: Vec<_> = analytics::Dataset::ALL
                .into_iter()
                .map(|dataset| (dataset, 0_u64, 0_u64, 0_u64))
                .collect();
            for file in &exported.files {
                let of = tables.iter_mut().find(|table| table.0 == file.dataset);
                if let Some((_, files, rows, bytes)) = of {
                    *files += 1;
                    *rows += file.written.rows;
                    *bytes += file.written.bytes;
                }
            }
            let raw = json!({ "through": exported.through, "head": head, "tables": tables.iter().map(
                |(dataset, files, rows, bytes)| json!({ "table": dataset.as_str(), "files": files,
                    "rows": rows, "bytes": bytes })).collect::<Vec<_>>() });
            let rows = tables.iter().map(|(dataset, files, rows, bytes)| {
                vec![dataset.to_string(), files.to_string(), rows.to_string(), bytes.to_string()]
            });
            print_rows(output, &["table", "files", "rows", "bytes"], rows.collect(), &raw);
            say(output, &format!("exported up to {}, the log ends at {head}", exported.through));
            Ok(true)
        }
        Action::Verify => {
            let found = verify(&ledger, &config.export).await?;
            let facts = [
                ("exported up to", found.through.to_string()),
                ("files", found.files.to_string()),
                ("bytes", found.bytes.to_string()),
                ("events in files", found.events.to_string()),
                ("events in the log", found.logged.to_string()),
                ("verdict", if found.is_exact() { "exact" } else { "DIFFERENT" }.to_owned()),
            ];
            print_facts(output, &facts, &serde_json::to_value(&found)?);
            for finding in &found.findings {
                say(output, &format!("{}: {}", finding.path, finding.problem));
            }
            Ok(found.is_exact())
        }
        Action::Mend => {
            let mended = mend(&ledger, &config.export).await?;
            let sentence = format!("{} file(s) written anew", mended.len());
            print_done(output, &sentence, &json!({ "mended": mended }));
            Ok(true)
        }
    }
}
