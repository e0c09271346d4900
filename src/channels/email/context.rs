use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::context;
use minijinja::value::{Object, Value};
use schema::{AttributeValue, Parcel};
use secrecy::ExposeSecret;

/// The variables a template may use, as `undeclared_variables` spells them. `attributes` is open: its names are the
/// publisher's.
pub const VARIABLES: [&str; 18] = [
    "attachments",
    "attributes",
    "delivery",
    "late_url",
    "locale",
    "on_time_url",
    "preferences_url",
    "received_at",
    "received_date",
    "recipient",
    "recipient.id",
    "recipient.name",
    "report",
    "sender_name",
    "tenant",
    "title",
    "unsubscribe_url",
    "version",
];

/// What a parcel offers to a template.
pub fn of_parcel(parcel: &Parcel, sender_name: &str) -> Value {
    let received = parcel.received_at.to_chrono();
    let attachments = parcel.attachments.iter().map(|file| {
        context! {
            name => file.name.clone(),
            format => file.format.as_str(),
            size => size_text(file.content.len()),
            size_bytes => file.content.len(),
            sha256 => file.sha256.to_string(),
        }
    });
    let attributes = parcel.attributes.iter().map(|(name, value)| (name.clone(), plain(value)));
    context! {
        attachments => attachments.collect::<Vec<_>>(),
        attributes => Value::from(attributes.collect::<BTreeMap<_, _>>()),
        delivery => parcel.delivery.to_string(),
        late_url => parcel.on_time_urls.as_ref().map(|urls| urls.late.clone()),
        locale => parcel.locale.clone(),
        preferences_url => parcel.preferences_url.clone(),
        on_time_url => parcel.on_time_urls.as_ref().map(|urls| urls.on_time.clone()),
        received_at => parcel.received_at.to_string(),
        received_date => received.format("%-d %B %Y, %H:%M UTC").to_string(),
        recipient => context! {
            id => parcel.recipient.clone(),
            name => parcel.recipient_name.as_ref().map(ExposeSecret::expose_secret),
        },
        report => parcel.report.as_str(),
        sender_name,
        tenant => parcel.tenant.as_str(),
        title => parcel.title.clone(),
        unsubscribe_url => parcel.unsubscribe_url.clone(),
        version => parcel.version.as_str(),
    }
}

/// Made-up values to try a template with; `full` has everything that a parcel may leave out.
pub fn sample(full: bool) -> Value {
    let file = context! {
        name => "sample.csv",
        format => "csv",
        size => size_text(2048),
        size_bytes => 2048,
        sha256 => "0".repeat(64),
    };
    context! {
        attachments => if full { vec![file] } else { vec![] },
        attributes => Value::from_object(AnyAttribute),
        delivery => "00000000-0000-8000-8000-000000000000",
        late_url => full.then_some("https://waybill.example/t/late"),
        locale => "en",
        preferences_url => full.then_some("https://waybill.example/preferences"),
        on_time_url => full.then_some("https://waybill.example/t/on-time"),
        received_at => "2026-01-01T00:00:00.000000Z",
        received_date => "1 January 2026, 00:00 UTC",
        recipient => context! { id => "sample", name => full.then_some("Sample") },
        report => "sample",
        sender_name => "Sample",
        tenant => "sample",
        title => "Sample",
        unsubscribe_url => full.then_some("https://waybill.example/unsubscribe"),
        version => "1",
    }
}

/// Attributes of which each name exists: which ones a report will have is not known when a template is checked.
#[derive(Debug)]
struct AnyAttribute;

impl Object for AnyAttribute {
    fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
        Some(Value::from("sample"))
    }
}

fn plain(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Bool(value) => Value::from(*value),
        AttributeValue::Int(value) => Value::from(*value),
        AttributeValue::Text(value) => Value::from(value.as_str()),
    }
}

/// A file's size for people: whole bytes, then tenths of kB, MB (powers of 1000).
fn size_text(size_bytes: usize) -> String {
    let tenths = |unit: usize| (size_bytes / (unit / 10)) as f64 / 10.0;
    match size_bytes {
        0..1_000 => format!("{size_bytes} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", tenths(1_000)),
        _ => format!("{:.1} MB", tenths(1_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        let seen = [0, 999, 1_000, 1_949, 999_999, 1_000_000, 25_310_000].map(size_text);
        let wanted = ["0 bytes", "999 bytes", "1.0 kB", "1.9 kB", "999.9 kB", "1.0 MB", "25.3 MB"];
        assert_eq!(seen, wanted);
    }
}
