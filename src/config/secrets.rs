//! What must never be shown, and must stay as it was given: a password of digits is a text, not a number.

use figment::error::Kind;
use figment::providers::Env;
use figment::value::{Dict, Map, Num, Value};
use figment::{Error, Figment, Metadata, Profile, Provider};

/// Keys whose values are secrets.
const SECRETS: [&str; 8] = [
    "database.url",
    "database.owner_url",
    "vault.url",
    "vault.master_key",
    "mail.username",
    "mail.password",
    "mail.oauth_client_secret",
    "mail.oauth_refresh_token",
];
/// The key whose values are secrets, each under a name of its own that may hold dots.
const SECRET_MAP: &str = "kafka.properties";
/// The key whose value is a list of secrets.
const SECRET_LIST: &str = "vault.previous_master_keys";

/// A text at its place.
struct Text {
    path: Vec<String>,
    text: String,
}

impl Provider for Text {
    fn metadata(&self) -> Metadata {
        Metadata::named("environment variable")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let text = Value::from(self.text.clone());
        let nested = |inner, name: &String| Value::from(Dict::from([(name.clone(), inner)]));
        let (first, rest) = self.path.split_first().ok_or("a setting without a name".to_owned())?;
        let value = rest.iter().rev().fold(text, nested);
        Ok(Profile::Default.collect(Dict::from([(first.clone(), value)])))
    }
}

/// The path of a secret that is called so; none when it is no secret.
fn path_of(key: &str) -> Option<Vec<String>> {
    if let Some(name) = key.strip_prefix(SECRET_MAP).and_then(|rest| rest.strip_prefix('.')) {
        return Some(vec!["kafka".to_owned(), "properties".to_owned(), name.to_owned()]);
    }
    SECRETS.contains(&key).then(|| key.split('.').map(str::to_owned).collect())
}

/// Whether a value under this key is a secret, or may hold one.
fn may_hold_secrets(key: &str) -> bool {
    let holds = |secret: &str| {
        secret == key || secret.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'))
    };
    path_of(key).is_some()
        || key.starts_with(SECRET_LIST)
        || SECRETS.into_iter().chain([SECRET_MAP]).any(holds)
}

/// The environment over `figment`: secrets letter by letter, the rest as figment reads values.
pub(super) fn with_environment(figment: Figment, environment: &Env) -> Figment {
    let others =
        environment.clone().filter(|name| path_of(&name.as_str().to_ascii_lowercase()).is_none());
    let mut figment = figment.merge(others);
    for (name, text) in environment.iter() {
        if let Some(path) = path_of(&name.as_str().to_ascii_lowercase()) {
            figment = figment.merge(Text { path, text });
        }
    }
    figment
}

/// Secrets that were written as whole numbers or as true and false, as the texts they are.
pub(super) fn as_texts(mut figment: Figment) -> Figment {
    let mut found: Vec<(Vec<String>, Value)> = Vec::new();
    if let Ok(Value::Dict(_, properties)) = figment.find_value(SECRET_MAP) {
        for (name, value) in properties {
            found.extend(path_of(&format!("{SECRET_MAP}.{name}")).map(|path| (path, value)));
        }
    }
    for key in SECRETS {
        found.extend(path_of(key).zip(figment.find_value(key).ok()));
    }
    for (path, value) in found {
        if let Some(text) = text_of(&value) {
            figment = figment.merge(Text { path, text });
        }
    }
    figment
}

/// A fraction is left alone: its digits as given are lost.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Bool(_, value) => Some(value.to_string()),
        Value::Num(_, Num::F32(_) | Num::F64(_)) => None,
        Value::Num(_, number) => number
            .to_u128()
            .map(|n| n.to_string())
            .or_else(|| number.to_i128().map(|n| n.to_string())),
        _ => None,
    }
}

/// What is wrong under `key`, without the value where it may be a secret.
pub(super) fn told(key: &str, kind: &Kind) -> String {
    if !may_hold_secrets(key) {
        return kind.to_string();
    }
    match kind {
        Kind::MissingField(_) | Kind::UnknownField(..) | Kind::DuplicateField(_) => {
            kind.to_string()
        }
        Kind::InvalidType(_, expected) if expected.starts_with("struct") => {
            "must be a table of keys".to_owned()
        }
        Kind::InvalidType(_, expected) => format!("must be {expected}, in quotes"),
        _ => "is not what it must be".to_owned(),
    }
}

/// What is wrong with a file's form, without the lines it shows: a secret may stand there.
pub(super) fn told_of_file(error: &Error) -> String {
    let text = error.kind.to_string();
    let shows = |line: &str| {
        line.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit()).starts_with('|')
    };
    let lines: Vec<&str> = text.lines().filter(|line| !shows(line)).collect();
    lines.join("; ")
}
