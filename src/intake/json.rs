use schema::Invalid;
use serde::de::DeserializeOwned;

/// How deep arrays and objects may be nested.
const MAX_DEPTH: usize = 32;

/// Reads JSON from outside: at most `max_bytes`, nested at most 32 deep, UTF-8, without NUL in any text. Unknown fields
/// are refused by the type (`deny_unknown_fields`).
///
/// # Errors
/// [`Invalid`] naming `field` and the rule; the value is the place of the fault, not the text around it.
pub fn strict_json<T: DeserializeOwned>(
    field: &str,
    bytes: &[u8],
    max_bytes: usize,
) -> Result<T, Invalid> {
    if bytes.len() > max_bytes {
        let rule = format!("must have at most {max_bytes} bytes");
        return Err(Invalid::new(field, &format!("{} bytes", bytes.len()), rule));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Invalid::new(field, &format!("byte {}", error.valid_up_to()), "must be UTF-8")
    })?;
    check(text.as_bytes())
        .map_err(|(at, rule)| Invalid::new(field, &format!("byte {at}"), rule))?;
    serde_json::from_str(text).map_err(|error| {
        let at = format!("line {} column {}", error.line(), error.column());
        let told = error.to_string();
        let told = told.split(" at line ").next().unwrap_or_default();
        Invalid::new(field, &at, format!("must be as documented: {told}"))
    })
}

/// One pass over the bytes, before anything is built from them.
fn check(json: &[u8]) -> Result<(), (usize, &'static str)> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for (at, byte) in json.iter().copied().enumerate() {
        if escaped {
            escaped = false;
            if byte == b'u' && json[at + 1..].starts_with(b"0000") {
                return Err((at, "must not contain NUL"));
            }
            continue;
        }
        match byte {
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err((at, "must be nested at most 32 deep"));
                }
            }
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::strict_json;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Note {
        text: String,
    }

    fn told(json: &[u8]) -> String {
        strict_json::<Note>("body", json, 100).err().map(|e| e.to_string()).unwrap_or_default()
    }

    #[test]
    fn well_formed_json_is_read() {
        let note = strict_json("body", br#"{"text":"a \"{[\" \\u0000 b"}"#, 100);
        assert_eq!(note, Ok(Note { text: r#"a "{[" \u0000 b"#.to_owned() }));
    }

    #[test]
    fn nul_is_refused_where_it_stands() {
        assert_eq!(told(br#"{"text":"a\u0000"}"#), r#"body: "byte 11" must not contain NUL"#);
    }

    #[test]
    fn an_unknown_field_is_named() {
        let told = told(br#"{"text":"a","more":1}"#);
        assert!(told.contains("unknown field `more`"), "{told}");
    }

    #[test]
    fn json_over_the_limit_is_not_parsed() {
        let told = told(format!("{{\"text\":\"{}\"}}", "x".repeat(100)).as_bytes());
        assert_eq!(told, r#"body: "111 bytes" must have at most 100 bytes"#);
    }

    #[test]
    fn thirty_two_levels_are_read_and_one_more_is_refused() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let read = |json: String| {
            strict_json::<serde_json::Value>("body", json.as_bytes(), 100).map(|_| ())
        };
        assert_eq!(read(nested(32)), Ok(()));
        let told = read(nested(33)).err().map(|e| e.to_string()).unwrap_or_default();
        assert_eq!(told, r#"body: "byte 32" must be nested at most 32 deep"#);
    }

    #[test]
    fn garbage_is_refused_with_its_place() {
        assert!(told(b"{\"text\"").starts_with(r#"body: "line 1 column 7" must be as documented"#));
        assert_eq!(told(b"{\"text\":\"\xff\"}"), r#"body: "byte 9" must be UTF-8"#);
        let map = strict_json::<BTreeMap<String, i64>>("body", b"{\"a\":1.5}", 100);
        assert!(map.is_err());
    }
}
