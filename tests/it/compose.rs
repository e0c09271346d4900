use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::support::{bare, run};

fn compose() -> String {
    read("compose.yaml")
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap()
}

/// The settings that the file hands to the program, with `${NAME:-value}` read as `value`, and `${NAME:?why}` as a
/// master key, the only thing that has no default.
fn settings() -> BTreeMap<String, String> {
    let text = compose();
    let pairs = text.lines().filter_map(|line| line.trim().split_once(": "));
    pairs
        .filter(|(name, _)| name.starts_with("WAYBILL_"))
        .map(|(name, value)| (name.to_owned(), filled_in(value.trim_matches(['"', '\'']))))
        .collect()
}

fn filled_in(value: &str) -> String {
    let Some((before, rest)) = value.split_once("${") else { return value.to_owned() };
    let (inside, after) = rest.split_once('}').unwrap();
    let filled = match inside.split_once(":-") {
        Some((_, default)) => default,
        None => "d2F5YmlsbC10ZXN0LW1hc3Rlci1rZXktMzItYnl0ZXM=",
    };
    format!("{before}{filled}{}", filled_in(after))
}

#[tokio::test]
async fn every_variable_is_a_setting_of_the_program_and_none_is_missing() {
    let mut settings = settings();
    assert!(settings.len() >= 7, "{settings:?}");
    for name in ["WAYBILL_DATABASE__URL", "WAYBILL_DATABASE__OWNER_URL", "WAYBILL_VAULT__URL"] {
        let url = settings.get_mut(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert!(url.contains("@postgres:5432/"), "{name} names another server: {url}");
        *url = url.replace("@postgres:5432/", "@127.0.0.1:1/");
    }
    let mut command = bare();
    command.envs(&settings);
    let ended = run(command, &["migrate"]).await;
    assert_eq!(ended.code, Some(1), "nobody listens there");
    assert!(!ended.stderr.contains("configuration:"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("must be set"), "{}", ended.stderr);
}

#[test]
fn what_is_published_is_what_the_program_listens_on_and_talks_to() {
    let (text, settings) = (compose(), settings());
    let bind = settings.get("WAYBILL_API__BIND").map_or("127.0.0.1:8080", String::as_str);
    assert_eq!(bind, "0.0.0.0:8080", "a container's loopback is nobody else's");
    assert!(text.contains("ports: [\"127.0.0.1:8080:8080\"]"));
    let host = &settings["WAYBILL_MAIL__HOST"];
    assert!(text.contains(&format!("\n  {host}:\n")), "there is no service {host}");
    let port = &settings["WAYBILL_MAIL__PORT"];
    assert!(text.contains(&format!("\"127.0.0.1:{port}:{port}\"")), "the relay's port is another");
    let (host, port) = settings["WAYBILL_KAFKA__BROKERS"].split_once(':').unwrap();
    assert!(text.contains(&format!("\n  {host}:\n")), "there is no service {host}");
    assert!(text.contains(&format!("INSIDE://{host}:{port}")), "Kafka calls itself otherwise");
    assert_eq!(settings["WAYBILL_MAIL__TLS"], "none", "the capturing server has no certificate");
}

#[test]
fn what_the_image_is_made_of_is_in_the_repository_and_not_left_out() {
    let (image, left_out) = (read("Dockerfile"), read(".dockerignore"));
    let copied = image.lines().filter_map(|line| line.strip_prefix("COPY "));
    let own = copied.filter(|words| !words.starts_with("--from"));
    let sources: Vec<&str> = own
        .flat_map(|words| {
            let mut words: Vec<&str> = words.split(' ').collect();
            words.pop();
            words
        })
        .collect();
    assert!(sources.len() >= 3, "{sources:?}");
    for source in sources {
        assert!(Path::new(source).exists(), "{source} is not there");
        let lost =
            left_out.lines().any(|line| source == line || source.starts_with(&format!("{line}/")));
        assert!(!lost, "{source} is left out of what is built from");
    }
    let members = read("Cargo.toml");
    let members = members.lines().find_map(|line| line.strip_prefix("members = [")).unwrap();
    for member in members.split('"').filter(|part| part.contains(char::is_alphanumeric)) {
        let lost =
            left_out.lines().any(|line| member == line || member.starts_with(&format!("{line}/")));
        assert!(!lost, "cargo needs {member}, too");
    }
    assert!(image.contains("FROM rust:1.95-"), "Cargo.toml asks for another Rust");
    assert!(read("Cargo.toml").contains("rust-version = \"1.95\""));
    assert!(!compose().contains("dockerfile_inline") && compose().contains("build: ."));
}

#[test]
fn the_image_runs_as_nobody_special_with_the_library_where_the_program_looks_for_it() {
    let image = read("Dockerfile");
    let run = image.rsplit_once("\nFROM ").unwrap().1;
    let user = run.lines().find_map(|line| line.strip_prefix("USER ")).unwrap();
    assert_ne!(user.parse::<u32>().unwrap(), 0);
    assert!(run.contains(&format!("--uid {user} ")), "nobody is made of that number");
    let folder = image.split("DUCKDB_LIB_DIR=").nth(1).unwrap();
    let folder = folder.split_ascii_whitespace().next().unwrap();
    assert!(run.contains(&format!("{folder}/libduckdb.so {folder}/")), "the library is not there");
    for line in run.lines().filter(|line| line.starts_with("ENTRYPOINT") || line.contains(" CMD "))
    {
        assert!(line.contains("[\"waybill\""), "needs a shell: {line}");
    }
}
