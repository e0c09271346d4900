use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};
use schema::{ChannelError, FailureClass, Parcel};

use super::context::{self, VARIABLES};
use crate::{SetupError, reply};

const SUBJECT: &str = "subject.txt";
const TEXT: &str = "body.txt";
const HTML: &str = "body.html";
const BUILT_IN: [(&str, &str); 3] = [
    (SUBJECT, include_str!("templates/subject.txt")),
    (TEXT, include_str!("templates/body.txt")),
    (HTML, include_str!("templates/body.html")),
];

/// Work one template may do: about this many instructions or 64 times as many bytes.
const FUEL: u64 = 50_000;
/// Calls within calls that a template may make.
const RECURSION_LIMIT: usize = 32;

/// Subject, text and HTML of all mails: compiled and tried once, strict about unknown variables, bounded in work.
pub struct Templates {
    environment: Environment<'static>,
}

/// One mail's words.
#[derive(Debug)]
pub struct Rendered {
    pub subject: String,
    pub text: String,
    pub html: String,
}

impl Templates {
    /// The templates in `directory`, or the built-in ones. Each is compiled, its variables are compared with those
    /// there are, and it is rendered with a full and with a sparse sample.
    ///
    /// # Errors
    /// [`SetupError`] naming file, line and variable.
    pub fn try_load(directory: Option<&Path>) -> Result<Self, SetupError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(RECURSION_LIMIT);
        environment.set_syntax(syntax().map_err(|error| fault(SUBJECT, &error))?);
        // Only then does an error know which variable it is about.
        environment.set_debug(true);
        for (name, built_in) in BUILT_IN {
            let source = match directory {
                None => built_in.to_owned(),
                Some(directory) => read(&directory.join(name))?,
            };
            environment.add_template_owned(name, source).map_err(|error| fault(name, &error))?;
        }
        let templates = Self { environment };
        for (name, _) in BUILT_IN {
            templates.check_names(name)?;
            for full in [true, false] {
                let tried = templates.one(name, &context::sample(full));
                tried.map_err(|error| fault(name, &error))?;
            }
        }
        Ok(templates)
    }

    /// # Errors
    /// A `content` error `template.undefined`, `template.out_of_fuel` or `template.failed`; its reply names file, line
    /// and variable.
    pub fn render(&self, parcel: &Parcel, sender_name: &str) -> Result<Rendered, ChannelError> {
        let values = context::of_parcel(parcel, sender_name);
        let one = |name| self.one(name, &values).map_err(|error| refusal(&error));
        Ok(Rendered { subject: one(SUBJECT)?, text: one(TEXT)?, html: one(HTML)? })
    }

    fn one(&self, name: &str, values: &Value) -> Result<String, Error> {
        self.environment.get_template(name)?.render(values.clone())
    }

    fn check_names(&self, name: &str) -> Result<(), SetupError> {
        let template = self.environment.get_template(name).map_err(|error| fault(name, &error))?;
        let known = |variable: &str| {
            let global = self.environment.globals().any(|(global, _)| global == variable);
            let attribute = variable.starts_with("attributes.");
            global || attribute || VARIABLES.contains(&variable)
        };
        let mut unknown = template.undeclared_variables(true).into_iter().collect::<Vec<_>>();
        unknown.retain(|variable| !known(variable));
        unknown.sort();
        let Some(variable) = unknown.first() else { return Ok(()) };
        let found = template.source().lines().position(|line| line.contains(variable.as_str()));
        Err(SetupError::Template {
            file: name.to_owned(),
            line: found.map_or(0, |index| index + 1),
            reason: format!("unknown variable `{variable}`; there are {}", VARIABLES.join(", ")),
        })
    }
}

/// Block tags on lines of their own leave no empty line behind.
fn syntax() -> Result<SyntaxConfig, Error> {
    SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()
}

fn read(path: &Path) -> Result<String, SetupError> {
    std::fs::read_to_string(path).map_err(|error| SetupError::File {
        key: "mail.template_dir",
        path: path.display().to_string(),
        reason: error.to_string(),
    })
}

fn fault(name: &str, error: &Error) -> SetupError {
    SetupError::Template {
        file: error.name().unwrap_or(name).to_owned(),
        line: error.line().unwrap_or(0),
        reason: words(error),
    }
}

fn refusal(error: &Error) -> ChannelError {
    let code = match error.kind() {
        ErrorKind::UndefinedError => "template.undefined",
        ErrorKind::OutOfFuel => "template.out_of_fuel",
        _ => "template.failed",
    };
    let place = format!("{} line {}", error.name().unwrap_or("?"), error.line().unwrap_or(0));
    ChannelError {
        reply: reply::clean(format!("{place}: {}", words(error)).as_bytes()),
        ..ChannelError::not_sent(FailureClass::Content, code)
    }
}

/// The error without the values it was about.
fn words(error: &Error) -> String {
    match (error.detail(), error.range(), error.template_source()) {
        (Some(detail), _, _) => format!("{}: {detail}", error.kind()),
        (None, Some(range), Some(source)) => {
            format!("{}: `{}`", error.kind(), source.get(range).unwrap_or("?").trim())
        }
        _ => error.kind().to_string(),
    }
}
