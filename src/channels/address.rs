use schema::{ChannelKind, Invalid};

/// RFC 5321 §4.5.3.1.1, in bytes.
const MAX_LOCAL_BYTES: usize = 64;
/// RFC 5321 §4.5.3.1.3 (a path of 256 with its angle brackets), in bytes.
const MAX_ADDRESS_BYTES: usize = 254;
const FIELD: &str = "address";

/// Checks a mail address and returns it with its domain in ASCII (IDNA, UTS #46) and lower case. The local part is
/// kept as it is: only its host knows what it means. Quoted local parts, address literals and local parts beyond ASCII
/// (SMTPUTF8) are not supported.
///
/// # Errors
/// [`Invalid`] naming the rule it breaks (RFC 5321 §4.1.2, RFC 5890).
pub fn validate_mail_address(address: &str) -> Result<String, Invalid> {
    let wrong = |rule: &str| Invalid::new(FIELD, &address.escape_debug().to_string(), rule);
    if address.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(wrong("must not contain spaces or control characters such as CR, LF or NUL"));
    }
    let (local, domain) =
        address.rsplit_once('@').ok_or_else(|| wrong("must have the form name@domain"))?;
    if local.is_empty() || local.len() > MAX_LOCAL_BYTES {
        return Err(wrong("must have 1 to 64 bytes before the @"));
    }
    if !local.is_ascii() {
        return Err(wrong("must be ASCII before the @ (SMTPUTF8 is not supported)"));
    }
    if !is_dot_string(local) {
        return Err(wrong(
            "must be letters, digits, !#$%&'*+-/=?^_`{|}~ and inner dots before the @",
        ));
    }
    let domain =
        ascii_domain(domain).ok_or_else(|| wrong("must have a valid domain after the @"))?;
    if !domain.contains('.') {
        return Err(wrong("must have a full domain, with a dot, after the @"));
    }
    let whole = format!("{local}@{domain}");
    if whole.len() > MAX_ADDRESS_BYTES {
        return Err(wrong("must have at most 254 bytes"));
    }
    Ok(whole)
}

/// Where a send to `address` ends up, in the clear: `host:port` of a webhook, domain of a mail address. The caller
/// makes the pseudonymous destination key of it. An address that breaks its rules has the destination `invalid`.
#[must_use]
pub fn destination_of(kind: ChannelKind, address: &str) -> String {
    let destination = match kind {
        ChannelKind::Mail => address.rsplit_once('@').and_then(|(_, domain)| ascii_domain(domain)),
        ChannelKind::Webhook => url::Url::parse(address)
            .ok()
            .and_then(|url| Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?))),
        ChannelKind::Inbox => Some(kind.as_str().to_owned()),
    };
    destination.unwrap_or_else(|| "invalid".to_owned())
}

/// `domain` in ASCII by UTS #46 with STD3 rules and DNS lengths; `None` when it is not one.
fn ascii_domain(domain: &str) -> Option<String> {
    if domain.ends_with('.') {
        return None;
    }
    let ascii = idna::domain_to_ascii_strict(domain).ok()?;
    let all_digits = ascii.rsplit('.').next()?.bytes().all(|c| c.is_ascii_digit());
    (!ascii.is_empty() && !all_digits).then_some(ascii)
}

/// RFC 5322 dot-atom.
fn is_dot_string(local: &str) -> bool {
    let is_atext = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&c);
    local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atext))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_addresses_come_back_with_an_ascii_domain() {
        for (given, kept) in [
            ("ada@example.com", "ada@example.com"),
            ("Ada.Lovelace+x@EXAMPLE.com", "Ada.Lovelace+x@example.com"),
            ("info@bücher.example", "info@xn--bcher-kva.example"),
            ("info@日本語.jp", "info@xn--wgv71a119e.jp"),
            ("o'hara@example.co.uk", "o'hara@example.co.uk"),
        ] {
            assert_eq!(validate_mail_address(given).as_deref(), Ok(kept));
        }
    }

    #[test]
    fn bad_addresses_are_refused_with_their_rule() {
        let long_local = format!("{}@example.com", "a".repeat(65));
        let long = format!("a@{}.com", "b.".repeat(130));
        let label = format!("a@{}.com", "b".repeat(64));
        for given in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@example",
            "a b@example.com",
            "ada@exa mple.com",
            "ada@example.com\r\nBcc: x@example.com",
            "ada\n@example.com",
            "ada@example.com\0",
            ".ada@example.com",
            "ada.@example.com",
            "a..b@example.com",
            "\"a b\"@example.com",
            "ada@[127.0.0.1]",
            "ada@127.0.0.1",
            "ädä@example.com",
            "ada@-example.com",
            "ada@xn--a.com",
            "ada@exa_mple.com",
            "ada@example.com.",
            "ada@example..com",
            "<ada@example.com>",
            "ada@\u{202e}example.com",
            "ada@xn--zzzzzzzz.example",
            &long_local,
            &long,
            &label,
        ] {
            let refused = validate_mail_address(given).map_err(|wrong| wrong.field);
            assert_eq!(refused, Err("address".to_owned()), "{given}");
        }
    }

    #[test]
    fn a_destination_is_host_and_port_or_the_domain() {
        let of_url = |url| destination_of(ChannelKind::Webhook, url);
        assert_eq!(of_url("https://Hooks.Example/a?b=c"), "hooks.example:443");
        assert_eq!(of_url("http://hooks.example:8080/"), "hooks.example:8080");
        assert_eq!(of_url("https://[2001:db8::1]/x"), "[2001:db8::1]:443");
        assert_eq!(of_url("nonsense"), "invalid");
        assert_eq!(
            destination_of(ChannelKind::Mail, "ada@Bücher.example"),
            "xn--bcher-kva.example"
        );
        assert_eq!(destination_of(ChannelKind::Mail, "ada"), "invalid");
        assert_eq!(destination_of(ChannelKind::Inbox, ""), "inbox");
    }

    proptest::proptest! {
        #[test]
        fn what_is_accepted_is_safe_in_a_header_and_stays_as_it_is(address in "\\PC{0,20}@\\PC{0,20}") {
            if let Ok(kept) = validate_mail_address(&address) {
                assert!(kept.is_ascii() && !kept.contains(['\r', '\n', '<', '>', ' ', ',']));
                assert_eq!(validate_mail_address(&kept), Ok(kept.clone()));
            }
        }
    }
}
