use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Result;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use schema::{ColumnSpec, ColumnType};

/// The columns of the figures' frame: positions of a trading book.
#[must_use]
pub fn columns() -> Vec<ColumnSpec> {
    let column = |(name, kind): (&str, ColumnType)| ColumnSpec {
        name: name.to_owned(),
        kind,
        nullable: true,
    };
    [
        ("position", ColumnType::Integer),
        ("desk", ColumnType::Text),
        ("counterparty", ColumnType::Text),
        ("amount", ColumnType::Decimal),
        ("var", ColumnType::Decimal),
        ("is_open", ColumnType::Boolean),
        ("trade_date", ColumnType::Date),
        ("valued_at", ColumnType::Timestamp),
    ]
    .map(column)
    .to_vec()
}

/// Writes it with so many rows: the same bytes each time.
///
/// # Errors
/// The disk's.
pub fn write_frame(path: &Path, rows: usize) -> Result<()> {
    const DESKS: [&str; 5] = ["rates", "fx", "credit, structured", "equity", "=commodities"];
    let mut chance = SmallRng::seed_from_u64(5);
    let mut out = BufWriter::new(File::create(path)?);
    let names: Vec<String> = columns().into_iter().map(|column| column.name).collect();
    writeln!(out, "{}", names.join(","))?;
    for row in 0..rows {
        let desk = DESKS[chance.random_range(0..DESKS.len())];
        let counterparty = chance.random_range(0..20_000);
        let amount = f64::from(chance.random_range(-1_000_000_000..1_000_000_000)) / 100.0;
        let var: f64 = chance.random_range(0.0..1_000_000.0);
        let is_open = chance.random_bool(0.7);
        let (day, second) = (chance.random_range(1..29), chance.random_range(0..60));
        writeln!(
            out,
            "{row},\"{desk}\",Counterparty {counterparty},{amount},{var},{is_open},2026-11-{day:02},\
             2026-11-{day:02}T17:30:{second:02}.125Z"
        )?;
    }
    Ok(out.flush()?)
}
