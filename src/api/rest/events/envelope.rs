use store::{LogRow, StoreError};

/// An event as one line: CloudEvents 1.0 in JSON with the attributes that the mirror's headers have, `data` the bytes
/// that are stored. Nothing is unsealed.
pub(super) fn line(row: &LogRow, source: &str) -> Result<String, StoreError> {
    let mut line = String::with_capacity(row.payload.len() + 640);
    row.stored().tell(source, |name, value| {
        line.push(if line.is_empty() { '{' } else { ',' });
        line.push_str(&text(name));
        line.push(':');
        line.push_str(&text(value));
    })?;
    line.push_str(",\"data\":");
    line.push_str(&row.payload);
    line.push_str("}\n");
    Ok(line)
}

/// A JSON string.
fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
