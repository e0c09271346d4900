use std::path::Path;

use schema::{FailureClass, Parcel};
use tempfile::TempDir;

use super::super::template::Templates;
use super::parcel;
use crate::SetupError;

const GOOD: [(&str, &str); 3] = [
    ("subject.txt", "{{ title }}"),
    ("body.txt", "{{ title }}"),
    ("body.html", "<p>{{ title }}</p>"),
];

/// The built-in set with one file of it replaced.
fn directory(name: &str, source: &str) -> TempDir {
    let directory = TempDir::new().unwrap();
    for (file, good) in GOOD {
        let source = if file == name { source } else { good };
        std::fs::write(directory.path().join(file), source).unwrap();
    }
    directory
}

fn load(path: &Path) -> Result<Templates, SetupError> {
    Templates::try_load(Some(path))
}

fn refusal(name: &str, source: &str) -> (String, usize, String) {
    match load(directory(name, source).path()) {
        Err(SetupError::Template { file, line, reason }) => (file, line, reason),
        Err(other) => ("?".to_owned(), 0, other.to_string()),
        Ok(_) => ("accepted".to_owned(), 0, String::new()),
    }
}

#[test]
fn the_built_in_templates_pass_their_own_lint() {
    Templates::try_load(None).map(|_| ()).unwrap();
}

#[test]
fn a_template_with_a_mistake_is_refused_with_file_line_and_variable() {
    for (name, source, line, word) in [
        ("body.txt", "Hello\n{{ recipient.nmae }}", 2, "recipient.nmae"),
        ("body.html", "<p>\n\n{{ titel }}</p>", 3, "titel"),
        ("subject.txt", "{% if false %}{{ nowhere }}{% endif %}", 1, "nowhere"),
        ("body.txt", "{% for file in attachments %}\n{{ file.nmae }}{% endfor %}", 2, "nmae"),
        ("body.txt", "{% if title %}", 1, "end"),
        ("body.txt", "{{ title|nofilter }}", 1, "nofilter"),
        ("body.html", "{% include 'other.html' %}", 1, "other.html"),
        (
            "body.txt",
            "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
            1,
            "fuel",
        ),
        ("body.txt", "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}", 1, ""),
        ("body.txt", "{{ 'x' * 999999999 }}", 1, "fuel"),
    ] {
        let (file, found, reason) = refusal(name, source);
        assert_eq!((file.as_str(), found), (name, line), "{source}: {reason}");
        assert!(reason.contains(word), "{source}: {reason}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let directory = directory("body.txt", "x");
    std::fs::remove_file(directory.path().join("body.html")).unwrap();
    let error = load(directory.path()).err().unwrap().to_string();
    assert!(error.starts_with("mail.template_dir: cannot read ") && error.contains("body.html"));
}

#[test]
fn an_attribute_that_a_report_does_not_have_is_named_when_it_is_sent() {
    let directory = directory("body.txt", "ok\n{{ attributes.region }} {{ attributes.desk }}");
    let templates = load(directory.path()).unwrap();
    let error = templates.render(&parcel(), "Acme").unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (FailureClass::Content, "template.undefined"));
    let said = error.reply.unwrap();
    assert!(said.contains("body.txt line 2") && said.contains("attributes.desk"), "{said}");
    assert!(!said.contains("emea"), "no value of the parcel is in it: {said}");
}

#[test]
fn a_loop_that_only_some_parcels_start_is_ended() {
    let source = "{% if title != 'Sample' %}{% for a in range(9999) %}{% for b in range(9999) %}x\
                  {% endfor %}{% endfor %}{% endif %}";
    let templates = load(directory("body.html", source).path()).unwrap();
    let error = templates.render(&parcel(), "Acme").unwrap_err();
    let wanted = (FailureClass::Content, "template.out_of_fuel");
    assert_eq!((error.class, error.code.as_str()), wanted);
}

#[test]
fn text_is_not_escaped_and_html_is() {
    let source = "<b>{{ title }}</b>";
    let directory = directory("body.txt", source);
    std::fs::write(directory.path().join("body.html"), source).unwrap();
    let mut parcel = parcel();
    parcel.title = "a <i> & b".to_owned();
    let words = load(directory.path()).unwrap().render(&parcel, "Acme").unwrap();
    assert_eq!(words.text, "<b>a <i> & b</b>");
    assert_eq!(words.html, "<b>a &lt;i&gt; &amp; b</b>");
}

#[test]
fn the_built_in_text_reads_well() {
    let words = Templates::try_load(None).unwrap().render(&parcel(), "Acme Reports").unwrap();
    assert_eq!(
        words.text,
        "Hello Ada Lovelace,\n\
         \n\
         a new version of \"Market risk, daily\" is here.\n\
         \n\
         Report:    market-risk-daily\n\
         Version:   2026-11-23\n\
         Published: 23 November 2026, 06:30 UTC\n\
         region: emea\n\
         \n\
         One file is attached:\n\
         \n\
         - risk.csv (CSV, 18 bytes)\n  \
           SHA-256 413590a5b515c9f84735e5485289b96f3e270277aed1f9f839d1421f36d763c4\n\
         \n\
         Was it on time?\n\
         Yes: https://waybill.example/t/yes\n\
         No, too late: https://waybill.example/t/no\n\
         \n\
         You receive this mail because you are subscribed to this report.\n\
         To stop receiving it: https://waybill.example/u/abc\n\
         All your subscriptions: https://waybill.example/p/abc\n\
         \n\
         -- \n\
         Acme Reports\n\
         Delivery 01a20718-de40-8cfc-aa82-f63ea7a1ec11"
    );
    let bare = Parcel {
        recipient_name: None,
        attachments: vec![],
        unsubscribe_url: None,
        preferences_url: None,
        on_time_urls: None,
        ..parcel()
    };
    let words = Templates::try_load(None).unwrap().render(&bare, "Acme Reports").unwrap();
    assert!(words.text.starts_with("Hello,\n\na new version"), "{}", words.text);
    assert!(words.text.contains("emea\n\nThis version has no files for you.\n\nYou receive"));
    assert!(words.text.contains("this report.\n\n-- \n") && !words.html.contains("Unsubscribe"));
}
