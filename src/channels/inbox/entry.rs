use schema::{Parcel, Severity};
use serde::Serialize;

/// What the recipient is shown, as JSON in RFC 8785's canonical form: keys sorted, no white space. Each value comes
/// from the version's own events, so anyone who has those can compute the digest again.
#[derive(Serialize)]
struct Entry<'a> {
    attachments: Vec<File<'a>>,
    report: &'a str,
    severity: &'static str,
    title: &'a str,
    version: &'a str,
}

#[derive(Serialize)]
struct File<'a> {
    format: &'static str,
    name: &'a str,
    sha256: String,
}

/// The bytes of an entry.
pub(super) fn canonical(parcel: &Parcel) -> Result<Vec<u8>, serde_json::Error> {
    let attachments = parcel.attachments.iter().map(|file| File {
        format: file.format.as_str(),
        name: &file.name,
        sha256: file.sha256.to_string(),
    });
    serde_json::to_vec(&Entry {
        attachments: attachments.collect(),
        report: parcel.report.as_str(),
        severity: Severity::of(&parcel.attributes).as_str(),
        title: &parcel.title,
        version: parcel.version.as_str(),
    })
}
