//! DuckDB in a process of its own: one request on standard input, one reply on standard output, then it ends. Whoever
//! started it ends it when it takes too long; what it lacks or breaks concerns nobody else. It reads the files it is
//! told and nothing else: no other file, no network, no extension, and it keeps nothing.

mod answer;
mod guard;
mod workbook;

use std::io::{self, Read, Write};

use analytics::{Reply, Request};

fn main() -> anyhow::Result<()> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    let request: Request = serde_json::from_str(&text)?;
    let reply = answer::answer(&request);
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, &reply)?;
    out.write_all(b"\n")?;
    Ok(())
}

/// Why there is no answer.
enum NoAnswer {
    /// It is none that may be asked, or no SQL.
    Refused(String),
    /// It could not be answered.
    Failed(String),
}

impl From<NoAnswer> for Reply {
    fn from(no: NoAnswer) -> Self {
        match no {
            NoAnswer::Refused(reason) => Self::Refused { reason },
            NoAnswer::Failed(reason) => Self::Failed { reason },
        }
    }
}

impl From<duckdb::Error> for NoAnswer {
    fn from(error: duckdb::Error) -> Self {
        // What follows the sentence shows the place in a statement that is not the asker's alone.
        let told = error.to_string();
        let reason = told.split("\n\nLINE ").next().unwrap_or_default().to_owned();
        // Of what is wrong with a statement the asker is told; DuckDB names the kind first.
        let refused = [
            "Binder Error",
            "Parser Error",
            "Catalog Error",
            "Permission Error",
            "Conversion Error",
        ];
        if refused.iter().any(|kind| reason.contains(kind)) {
            return Self::Refused(reason);
        }
        Self::Failed(reason)
    }
}
