/// How much of the other side's words is kept.
pub const REPLY_BYTES: usize = 512;

/// The other side's words: at most [`REPLY_BYTES`], valid text, no control characters but line feed and tab. `None`
/// when nothing was said.
pub fn clean(said: &[u8]) -> Option<String> {
    let said = &said[..said.len().min(REPLY_BYTES + 3)];
    let mut text = String::with_capacity(said.len());
    for c in String::from_utf8_lossy(said).chars() {
        let c = if c.is_control() && c != '\n' && c != '\t' { ' ' } else { c };
        if text.len() + c.len_utf8() > REPLY_BYTES {
            break;
        }
        text.push(c);
    }
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use super::*;

    #[test]
    fn a_reply_is_bounded_on_a_character() {
        let kept = clean("ä".repeat(400).as_bytes()).unwrap();
        assert_eq!(kept, "ä".repeat(256));
        assert_eq!(clean(b"  \r\n "), None);
        assert_eq!(clean(b"550 no\0such\r\nuser").as_deref(), Some("550 no such \nuser"));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_become_short_text(said: Vec<u8>) {
            if let Some(text) = clean(&said) {
                assert!(text.len() <= REPLY_BYTES && !text.contains('\0'));
            }
        }
    }
}
