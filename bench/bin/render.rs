//! One render in a process of its own, so that its peak of memory is its own: `bench` starts it and reads what it says.
#![expect(clippy::print_stdout, reason = "what the bench reads")]

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use waybill_bench::rendering::{Work, Writer};

/// As Waybill's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Does one piece of work and says how long it took and how much memory, as one JSON line.
#[derive(Parser)]
struct Args {
    /// Whose code does it.
    writer: Writer,
    /// What is done.
    work: Work,
    /// The CSV file that is read.
    from: PathBuf,
    /// The file that is written.
    into: PathBuf,
}

fn main() -> Result<()> {
    let Args { writer, work, from, into } = Args::parse();
    let done = waybill_bench::rendering::carry_out(writer, work, &from, &into)?;
    println!("{}", serde_json::to_string(&done)?);
    Ok(())
}
