use crate::Invalid;

/// Checks a line of text a person wrote: 1 to `max_bytes`, no control character (so no CR, LF or NUL).
///
/// # Errors
/// [`Invalid`] naming `field` and the rule.
pub fn checked_line(field: &str, text: &str, max_bytes: usize) -> Result<String, Invalid> {
    if text.trim().is_empty() || text.len() > max_bytes {
        return Err(Invalid::new(field, text, format!("must have 1 to {max_bytes} bytes")));
    }
    if text.chars().any(char::is_control) {
        return Err(Invalid::new(
            field,
            &text.escape_debug().to_string(),
            "must not contain control characters such as CR, LF or NUL",
        ));
    }
    Ok(text.to_owned())
}

/// Checks text of several lines: 1 to `max_bytes`, no control character but tab and line feed.
///
/// # Errors
/// [`Invalid`] naming `field` and the rule.
pub fn checked_text(field: &str, text: &str, max_bytes: usize) -> Result<String, Invalid> {
    if text.is_empty() || text.len() > max_bytes {
        return Err(Invalid::new(field, text, format!("must have 1 to {max_bytes} bytes")));
    }
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Err(Invalid::new(
            field,
            &text.escape_debug().to_string(),
            "must not contain control characters other than tab and line feed",
        ));
    }
    Ok(text.to_owned())
}
