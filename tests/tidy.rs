//! The house rules as a test: arrows, sizes, door plates, words. Each failure says where and which rule.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A → what A may name (DESIGN §3). A room not listed here is a failure, so a new one is drawn first.
const ARROWS: &[(&str, &[&str])] = &[
    ("schema", &[]),
    ("schema/proto", &[]),
    ("aggregates", &["schema"]),
    ("projections", &["schema"]),
    ("projections/analytics", &["schema"]),
    ("projections/analytics/duckdb", &["analytics"]),
    ("src/store", &["schema"]),
    ("src/artifacts", &["schema"]),
    ("src/render", &["schema", "artifacts"]),
    ("src/channels", &["schema"]),
    ("src/intake", &["schema", "store", "artifacts", "render", "aggregates", "projections"]),
    ("src/dispatch", &["schema", "store", "channels", "artifacts", "render", "aggregates"]),
    ("src/followers", &["schema", "store", "projections"]),
    ("src/export", &["schema", "analytics", "store", "followers"]),
    ("src/analysis", &["schema", "analytics", "export", "store"]),
    ("src/reactors", &["schema", "followers", "store", "aggregates"]),
    ("src/returns", &["schema", "store", "aggregates", "channels"]),
    ("src/history", &["schema", "store", "aggregates"]),
    (
        "src/api",
        &[
            "schema",
            "proto",
            "intake",
            "store",
            "artifacts",
            "render",
            "aggregates",
            "projections",
            "analytics",
            "analysis",
            "followers",
            "history",
            "returns",
        ],
    ),
    ("bench/sink", &[]),
    ("bench/simulator", &["schema"]),
    (
        "bench",
        &[
            "sink",
            "simulator",
            "analytics",
            "export",
            "schema",
            "store",
            "aggregates",
            "channels",
            "projections",
            "followers",
            "dispatch",
            "render",
        ],
    ),
];

const FILE_LIMIT: usize = 400;
const TEST_FILE_LIMIT: usize = 600;
const FUNCTION_LIMIT: usize = 70;
/// What rustfmt keeps to where it can.
const CODE_WIDTH: usize = 100;
/// Lines that a comment or a string (SQL, a sentence) stands on: rustfmt leaves those as they are.
const PROSE_WIDTH: usize = 120;
const FORBIDDEN_NAMES: &[&str] = &[
    "job", "jobs", "task", "tasks", "item", "items", "manager", "helper", "helpers", "util",
    "utils", "common", "v2",
];

fn root() -> PathBuf {
    // Where cargo runs it, not where it was compiled: a shared target folder serves several clones.
    fs::canonicalize(".").unwrap()
}

fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display())) {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.') && name != "target" && name != "node_modules" {
                rust_files(&path, found);
            }
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<(String, String)> {
    let mut files = Vec::new();
    rust_files(&root(), &mut files);
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).unwrap();
            (name, text)
        })
        .collect()
}

fn is_test(name: &str) -> bool {
    name.starts_with("tests/")
        || name.ends_with("tests.rs")
        || name.contains("/tests/")
        || name.contains("/properties/")
        || name.contains("/examples/")
        || name.contains("/testing")
}

fn fail_if(broken: &[String], rule: &str) {
    assert!(broken.is_empty(), "{rule}\n  {}", broken.join("\n  "));
}

/// The workspace as cargo reads it, whichever way a dependency is spelled.
fn packages() -> Vec<Value> {
    let mut cargo = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let told = cargo.current_dir(root()).output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let mut told: Value = serde_json::from_slice(&told.stdout).unwrap();
    serde_json::from_value(told["packages"].take()).unwrap()
}

/// Which rooms a package names outside of its tests.
fn named_rooms(package: &Value) -> Vec<String> {
    let dependencies = package["dependencies"].as_array().unwrap();
    let of_product = dependencies.iter().filter(|one| one["kind"] != "dev");
    let rooms = of_product.filter_map(|one| Path::new(one["path"].as_str()?).file_name());
    rooms.map(|room| room.to_string_lossy().into_owned()).collect()
}

#[test]
fn crates_name_only_what_their_arrows_allow() {
    let mut broken = Vec::new();
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    for package in packages() {
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        let member = manifest.parent().unwrap().strip_prefix(root()).unwrap();
        let member = member.to_string_lossy();
        if member.is_empty() {
            // The program itself puts everything together.
            continue;
        }
        let Some(allowed) = arrows.get(&*member) else {
            broken.push(format!("{member} is in the workspace but has no line in ARROWS"));
            continue;
        };
        for named in named_rooms(&package) {
            if !allowed.contains(&named.as_str()) {
                broken.push(format!("{member}/Cargo.toml names {named}"));
            }
        }
    }
    fail_if(&broken, "An arrow is wrong (DESIGN §3).");
}

/// Where a line of Rust begins or ends.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Code,
    Comment,
    /// In a string that ends with a quotation mark and so many `#`; none: one with escapes.
    Text(Option<usize>),
}

/// For each line whether a comment or a string stands on it.
fn is_prose(text: &str) -> Vec<bool> {
    let mut place = Place::Code;
    let mut prose = Vec::new();
    for line in text.lines() {
        let mut is_prose = place != Place::Code;
        let mut rest = line;
        while !rest.is_empty() {
            (place, rest) = step(place, rest);
            is_prose |= place != Place::Code;
        }
        if place == Place::Comment {
            place = Place::Code;
        }
        prose.push(is_prose);
    }
    prose
}

/// Reads what stands at the beginning of `rest`.
fn step(place: Place, rest: &str) -> (Place, &str) {
    let behind = |text: &'static str| rest.strip_prefix(text);
    let next = || rest.split_at(rest.chars().next().map_or(0, char::len_utf8)).1;
    match place {
        Place::Comment => (place, ""),
        Place::Text(None) => match behind("\\").and_then(|rest| rest.get(1..)) {
            Some(rest) => (place, rest),
            None => behind("\"").map_or((place, next()), |rest| (Place::Code, rest)),
        },
        Place::Text(Some(marks)) => {
            let end = format!("\"{}", "#".repeat(marks));
            rest.strip_prefix(&end).map_or((place, next()), |rest| (Place::Code, rest))
        }
        Place::Code => {
            if rest.starts_with("//") {
                return (Place::Comment, "");
            }
            if let Some(rest) = behind("'\"'") {
                return (place, rest);
            }
            if let Some(marked) =
                behind("r").filter(|it| it.trim_start_matches('#').starts_with('"'))
            {
                let text = marked.trim_start_matches('#');
                return (Place::Text(Some(marked.len() - text.len())), &text[1..]);
            }
            behind("\"").map_or((place, next()), |rest| (Place::Text(None), rest))
        }
    }
}

#[test]
fn comments_and_strings_are_told_from_code() {
    for (text, expected) in [
        ("let a = 1;\n// why\nlet b = 2; // why", vec![false, true, true]),
        ("a(\"select \\\n  1\");\nb();", vec![true, true, false]),
        ("a(r#\"{\n\"b\"\n}\"#);\nb();", vec![true, true, true, false]),
        ("a('\"');\nb();\nlet c = \"\\\"\";\nd()", vec![false, false, true, false]),
    ] {
        assert_eq!(is_prose(text), expected, "{text}");
    }
}

#[test]
fn files_and_lines_stay_readable() {
    let mut broken = Vec::new();
    for (name, text) in sources() {
        let limit = if is_test(&name) { TEST_FILE_LIMIT } else { FILE_LIMIT };
        let lines = text.lines().count();
        if lines > limit {
            broken.push(format!("{name}: {lines} lines, at most {limit}"));
        }
        for (number, (line, is_prose)) in text.lines().zip(is_prose(&text)).enumerate() {
            let width = line.chars().count();
            let limit = if is_prose { PROSE_WIDTH } else { CODE_WIDTH };
            if width > limit && !line.contains("://") {
                broken.push(format!("{name}:{}: {width} columns, at most {limit}", number + 1));
            }
        }
    }
    fail_if(&broken, "A file is too long or too wide (STYLE, Shape).");
}

/// Whether a function begins on this line, however it is qualified.
fn begins_function(line: &str) -> bool {
    let mut rest = line.trim_start();
    if let Some(inner) = rest.strip_prefix("pub(") {
        rest = inner.split_once(") ").map_or("", |(_, rest)| rest);
    }
    for word in ["pub ", "default ", "const ", "async ", "unsafe ", "extern \"C\" "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    rest.starts_with("fn ")
}

#[test]
fn a_function_is_seen_however_it_is_qualified() {
    for line in [
        "fn a() {",
        "    pub fn a() {",
        "pub(crate) async fn a() {",
        "pub(in crate::b) const fn a() {",
        "pub(super) async fn a() {",
        "pub const fn a() {",
        "const async fn a() {",
    ] {
        assert!(begins_function(line), "{line}");
    }
    for line in ["let a: fn(u8) = b;", "pub const A: fn() = b;", "// fn a() {", "pub(crate) fnord"]
    {
        assert!(!begins_function(line), "{line}");
    }
}

#[test]
fn functions_stay_short() {
    let mut broken = Vec::new();
    for (name, text) in sources().into_iter().filter(|(name, _)| !is_test(name)) {
        let lines: Vec<&str> = text.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            let indent = line.len() - line.trim_start().len();
            // A declaration without a body, or a body on the same line, has no length.
            let head = lines[start..].iter().find(|line| line.ends_with(['{', ';', '}']));
            if !begins_function(line) || !head.is_some_and(|line| line.ends_with('{')) {
                continue;
            }
            if lines[..start].contains(&"mod tests {") {
                continue;
            }
            let close = format!("{}}}", " ".repeat(indent));
            let length = lines[start..].iter().position(|line| **line == close).unwrap_or(0);
            if length > FUNCTION_LIMIT {
                broken.push(format!(
                    "{name}:{}: {length} lines, at most {FUNCTION_LIMIT}",
                    start + 1
                ));
            }
        }
    }
    fail_if(&broken, "A function is too long (STYLE, Shape).");
}

#[test]
fn every_room_has_a_door_plate() {
    let mut broken = Vec::new();
    for (name, text) in sources() {
        let is_door =
            name.ends_with("/lib.rs") || name.ends_with("/mod.rs") || name == "src/main.rs";
        let plate = text.lines().next().unwrap_or_default();
        if is_door && (!plate.starts_with("//! ") || plate.len() < 24) {
            broken.push(format!("{name} opens with {plate:?}"));
        }
    }
    fail_if(
        &broken,
        "A room has no door plate: `//!` what it is, what it must never know (STYLE, Order).",
    );
}

#[test]
fn aggregates_have_the_same_rooms() {
    let mut broken = Vec::new();
    for aggregate in
        ["tenant", "api_key", "report", "recipient", "subscription", "distribution", "delivery"]
    {
        for file in ["mod", "state", "command", "decide", "refusal"] {
            if !root().join(format!("aggregates/{aggregate}/{file}.rs")).exists() {
                broken.push(format!("aggregates/{aggregate}/{file}.rs is missing"));
            }
        }
        let room = root().join(format!("aggregates/{aggregate}"));
        if !room.join("tests.rs").exists() && !room.join("tests").exists() {
            broken.push(format!("aggregates/{aggregate} has no tests"));
        }
    }
    fail_if(&broken, "Every aggregate's room has the same six names (DESIGN §2).");
}

#[test]
fn every_event_has_a_golden_file() {
    let mut broken = Vec::new();
    for aggregate in
        ["tenant", "api_key", "report", "recipient", "subscription", "distribution", "delivery"]
    {
        let text =
            fs::read_to_string(root().join(format!("schema/events/{aggregate}.rs"))).unwrap();
        let (_, names) = text.split_once("fn event_type(&self)").unwrap();
        for event in names.split('"').skip(1).step_by(2) {
            let golden = format!("schema/golden/{aggregate}/{event}.v1.json");
            if !root().join(&golden).exists() {
                broken.push(format!("{golden} is missing"));
            }
        }
    }
    fail_if(&broken, "The past stays readable: one golden file per event version.");
}

#[test]
fn names_are_the_words_of_the_field() {
    let mut broken = Vec::new();
    for (name, _) in sources() {
        for part in name.trim_end_matches(".rs").split(['/', '_']) {
            if FORBIDDEN_NAMES.contains(&part) {
                broken.push(format!("{name}: {part}"));
            }
        }
    }
    fail_if(&broken, "A file is named with a word that says nothing (STYLE, Names).");
}

#[test]
fn nothing_unfinished_hides() {
    let marks = ["todo!", "unimplemented!", "FIXME", "XXX", "#[ignore", "#[allow("];
    let mut broken = Vec::new();
    for (name, text) in sources().into_iter().filter(|(name, _)| name != "tests/tidy.rs") {
        for (number, line) in text.lines().enumerate() {
            if let Some(mark) = marks.iter().find(|mark| line.contains(**mark)) {
                broken.push(format!("{name}:{}: {mark}", number + 1));
            }
        }
    }
    fail_if(&broken, "Unfinished or silenced code (STYLE, Lints and Tests).");
}

#[test]
fn only_the_store_names_the_events_table() {
    let mut broken = Vec::new();
    let sql = ["from events", "into events", "update events", "delete from events"];
    for (name, text) in sources() {
        let lower = text.to_lowercase();
        let may = name.starts_with("src/store/")
            || name.starts_with("bench/")
            // There `events` is a table of the export.
            || name.starts_with("projections/analytics/")
            || !lower.contains("select ") && !lower.contains("insert into events")
            || name.contains("demo")
            || is_test(&name);
        if !may && sql.iter().any(|words| lower.contains(words)) {
            broken.push(name);
        }
    }
    fail_if(&broken, "Nothing outside `store` reads or writes the events table (DESIGN §1).");
}

#[test]
fn no_machine_leaks_into_the_tree() {
    let mut broken = Vec::new();
    let homes = [["/ro", "ot/"].concat(), ["/wo", "rk/"].concat()];
    for (name, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            if homes.iter().any(|home| line.contains(home.as_str())) {
                broken.push(format!("{name}:{}", number + 1));
            }
        }
    }
    fail_if(&broken, "A path of one machine stands in the tree.");
}

/// The names that begin with `waybill_` in a text.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let begin = text.match_indices("waybill_").map(|(at, _)| &text[at..]);
    begin.map(|rest| rest.chars().take_while(|c| is_name(*c)).collect()).collect()
}

#[test]
fn dashboards_and_alerts_name_metrics_that_the_code_has() {
    let code: BTreeSet<_> = sources()
        .iter()
        .filter(|(name, _)| name.starts_with("src/") && !is_test(name))
        .flat_map(|(_, text)| {
            let quoted = text.split('"').filter(|part| part.starts_with("waybill_"));
            quoted.map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    let mut broken = Vec::new();
    let mut seen = 0;
    for file in ["grafana/waybill.json", "grafana/alerts.yaml", "grafana/alerts.test.yaml"] {
        for name in metrics_in(&fs::read_to_string(root().join(file)).unwrap()) {
            let of_histogram = ["_bucket", "_count", "_sum"];
            let plain = of_histogram.iter().find_map(|end| name.strip_suffix(end));
            seen += 1;
            if !code.contains(plain.unwrap_or(&name)) {
                broken.push(format!("{file}: {name}"));
            }
        }
    }
    assert!(seen > 30, "{seen} names were found");
    fail_if(&broken, "A dashboard or an alert asks for a metric that nobody counts.");
}
