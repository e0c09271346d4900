//! How a command answers: a table for people, JSON for programs.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what this room is for")]

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
