/// So many fields of one block are read: no honest one has more.
const MAX_FIELDS: usize = 500;

/// Header-like fields, unfolded, names in lower case (RFC 5322 §2.2, RFC 3464 §2.1). Ends at the first empty line; what
/// is no field is passed over.
pub fn fields(block: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in block.lines().take_while(|line| !line.trim_end().is_empty()) {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
            continue;
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        if fields.len() < MAX_FIELDS {
            fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    fields
}

/// Blocks of fields, separated by empty lines.
pub fn blocks(text: &str) -> impl Iterator<Item = Vec<(String, String)>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches(['\r', '\n']);
            if rest.is_empty() {
                return None;
            }
            let found = fields(rest);
            let length = block_length(rest);
            rest = &rest[length..];
            if !found.is_empty() {
                return Some(found);
            }
        }
    })
}

/// Bytes up to the empty line, or to the end.
fn block_length(text: &str) -> usize {
    let mut length = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_end().is_empty() {
            return length + line.len();
        }
        length += line.len();
    }
    length
}

/// The first field of this name.
pub fn field<'f>(fields: &'f [(String, String)], name: &str) -> Option<&'f str> {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}
