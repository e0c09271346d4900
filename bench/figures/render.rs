use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Bench, Figure, Verdict};
use crate::rendering::{Done, write_frame};

/// What a render may have resident, whatever its rows.
const PEAK_MB: f64 = 400.0;
/// openpyxl in its write-only mode, over the same file.
const OPENPYXL: &str = r#"
import csv, datetime, json, resource, sys, time
from openpyxl import Workbook
began = time.monotonic()
book = Workbook(write_only=True)
sheet = book.create_sheet("Data")
with open(sys.argv[1], newline="") as file:
    rows = csv.reader(file)
    sheet.append(next(rows))
    for a, b, c, d, e, f, g, h in rows:
        sheet.append([int(a), b, c, float(d), float(e), f == "true",
            datetime.date.fromisoformat(g), datetime.datetime.fromisoformat(h[:-1])])
book.save(sys.argv[2])
print(json.dumps({"seconds": time.monotonic() - began,
    "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"#;

/// Where the frame lies, and what its renders are written to.
struct Desk {
    program: PathBuf,
    frame: PathBuf,
    into: PathBuf,
}

impl Desk {
    fn lay(bench: &Bench, rows: usize) -> Result<Self> {
        let dir = bench.scene.directory("bench-render");
        std::fs::create_dir_all(&dir)?;
        let program = std::env::current_exe()?.with_file_name("render");
        ensure!(program.exists(), "{} is missing: build the whole workspace", program.display());
        let desk = Self { program, frame: dir.join("frame.csv"), into: dir.join("rendered") };
        write_frame(&desk.frame, rows)?;
        Ok(desk)
    }

    /// One piece of work in a process of its own.
    fn done(&self, writer: &str, work: &str) -> Result<Done> {
        ran(Command::new(&self.program).args([writer, work]).arg(&self.frame).arg(&self.into))
    }

    fn openpyxl(&self) -> Result<Done> {
        let python = python();
        ran(Command::new(python).args(["-c", OPENPYXL]).arg(&self.frame).arg(&self.into))
    }

    fn written_mb(&self) -> Result<f64> {
        Ok(std::fs::metadata(&self.into)?.len() as f64 / 1e6)
    }
}

#[expect(clippy::disallowed_methods, reason = "the bench is told of its tools by the environment")]
fn python() -> PathBuf {
    std::env::var_os("VENV").map_or("python3".into(), |venv| Path::new(&venv).join("bin/python"))
}

fn ran(command: &mut Command) -> Result<Done> {
    let ran = command.output().context("the program does not start")?;
    ensure!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    Ok(serde_json::from_slice(&ran.stdout)?)
}

fn told(Done { seconds, peak_mb }: Done) -> String {
    format!("{seconds:.2} s, peak {peak_mb:.0} MB")
}

/// A frame of 1,000,000 rows and 8 columns in each format, and one of 10,000,000 rows checked. Each in a process of its
/// own, so that the peak of its memory is its own; the other writer right behind it.
pub(super) async fn figures(bench: &Bench) -> Result<Vec<Figure>> {
    let rows = bench.sized(1_000_000);
    let (one, ten) = (Desk::lay(bench, rows)?, bench.sized(10_000_000));
    tokio::task::spawn_blocking(move || {
        let mut figures = Vec::new();
        for format in ["csv", "parquet"] {
            let (ours, size) = (one.done("waybill", format)?, one.written_mb()?);
            let polars = one.done("polars", format)?;
            figures.push(rendered(
                format,
                rows,
                ours,
                size,
                "Polars' own reader and writer",
                polars,
            ));
        }
        let (ours, size) = (one.done("waybill", "xlsx")?, one.written_mb()?);
        let other = one.openpyxl()?;
        figures.push(rendered("xlsx", rows, ours, size, "openpyxl, write-only mode", other));
        write_frame(&one.frame, ten)?;
        let (ours, polars) = (one.done("waybill", "check")?, one.done("polars", "check")?);
        let name = format!("a CSV frame of {ten} rows checked");
        let kept = Verdict::of(ours.peak_mb <= PEAK_MB);
        let figure = Figure::new(&name, &peak(), told(ours), kept);
        let beside = format!("Polars reads it whole, days and instants as text: {}", told(polars));
        figures.push(figure.beside(beside));
        for file in [&one.frame, &one.into] {
            std::fs::remove_file(file)?;
        }
        Ok(figures)
    })
    .await?
}

fn peak() -> String {
    format!("peak <= {PEAK_MB:.0} MB")
}

fn rendered(
    format: &str,
    rows: usize,
    ours: Done,
    size_mb: f64,
    whose: &str,
    other: Done,
) -> Figure {
    let name = format!("{rows} rows of 8 columns, CSV rendered to {format}");
    let ratio = other.seconds / ours.seconds;
    let measured = format!("{}, {size_mb:.0} MB; {ratio:.2} x as fast", told(ours));
    let figure = Figure::new(&name, &peak(), measured, Verdict::of(ours.peak_mb <= PEAK_MB));
    figure.beside(format!("{whose}: {}", told(other)))
}
