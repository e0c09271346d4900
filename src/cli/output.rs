//! How a command answers: a table for people, JSON for programs.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what this room is for")]

use std::io::{self, BufWriter, ErrorKind, Stdout, Write, stdout};
use std::mem;

use anyhow::Result;
use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Value, json};

use super::client::Refused;
use crate::config::WrongConfig;

/// For whom a command answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// A table for people.
    #[default]
    Table,
    /// One JSON document for programs.
    Json,
}

/// Prints rows under a header; as JSON, `raw` whole.
pub fn print_rows(output: Output, header: &[&str], rows: Vec<Vec<String>>, raw: &Value) {
    match output {
        Output::Json => println!("{raw:#}"),
        Output::Table => println!("{}", table(header, rows)),
    }
}

/// Prints named facts one below the other; as JSON, `raw` whole.
pub fn print_facts(output: Output, facts: &[(&str, String)], raw: &Value) {
    match output {
        Output::Json => println!("{raw:#}"),
        Output::Table => {
            let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
            for (name, value) in facts {
                println!("{name:width$}  {value}");
            }
        }
    }
}

/// Prints what was done as a sentence; as JSON, `raw` whole.
pub fn print_done(output: Output, sentence: &str, raw: &Value) {
    match output {
        Output::Json => println!("{raw:#}"),
        Output::Table => println!("{sentence}"),
    }
}

/// Prints why a command failed, on standard error; as JSON, one object with the same facts.
pub fn print_error(output: Output, error: &anyhow::Error) {
    match output {
        Output::Json => eprintln!("{}", error_document(error)),
        Output::Table => eprintln!("waybill: {error:#}"),
    }
}

fn error_document(error: &anyhow::Error) -> Value {
    let mut document = json!({ "error": format!("{error:#}") });
    if let Some(WrongConfig(wrong)) = error.downcast_ref() {
        document["wrong"] = json!(wrong);
    }
    if let Some(refused) = error.downcast_ref::<Refused>() {
        document["answer"] = refused.answer.clone();
    }
    document
}

/// Prints a sentence beside the answer; nothing for programs, whose document holds the same.
pub fn say(output: Output, sentence: &str) {
    if output == Output::Table {
        println!("{sentence}");
    }
}

/// Prints what is too long to be held, line by line; as JSON, one document with the lines in a list of it.
pub struct Lines {
    output: Output,
    out: BufWriter<Stdout>,
    is_first: bool,
}

impl Lines {
    /// Begins; as JSON, with the fields of `head` and the list's name.
    pub fn begin(output: Output, head: &Value, list: &str) -> Result<Self> {
        let mut out = BufWriter::new(stdout());
        if output == Output::Json {
            let head = head.to_string();
            let fields = head.trim_end_matches('}');
            let comma = if fields.len() > 1 { "," } else { "" };
            write!(out, "{fields}{comma}{}:[", json!(list))?;
        }
        Ok(Self { output, out, is_first: true })
    }

    /// Prints one line; as JSON, `raw`. False when nobody reads any more.
    pub fn print(&mut self, line: &str, raw: &Value) -> Result<bool> {
        let comma = if mem::take(&mut self.is_first) { "" } else { "," };
        read(match self.output {
            Output::Table => writeln!(self.out, "{line}"),
            Output::Json => write!(self.out, "{comma}\n{raw}"),
        })
    }

    /// Ends with a sentence for people.
    pub fn end(mut self, sentence: &str) -> Result<()> {
        let written = match self.output {
            Output::Table => writeln!(self.out, "{sentence}"),
            Output::Json => writeln!(self.out, "]}}"),
        };
        read(written.and_then(|()| self.out.flush())).map(drop)
    }
}

/// Whether what was written is still read: whoever has seen enough may close the pipe.
fn read(written: io::Result<()>) -> Result<bool> {
    match written {
        Err(gone) if gone.kind() == ErrorKind::BrokenPipe => Ok(false),
        written => Ok(written.map(|()| true)?),
    }
}

/// A table as text.
pub fn table(header: &[&str], rows: Vec<Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().copied());
    table.add_rows(rows);
    table
}

/// The value at `path` in a JSON document as a person reads it; empty when absent.
pub fn text_at(document: &Value, path: &str) -> String {
    match document.pointer(path) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
