use mail_parser::{MessageParser, MimeHeaders};
use schema::FailureClass::{Content, RecipientPermanent};
use schema::{Format, Parcel, SendStage};
use secrecy::SecretString;

use super::super::dkim::Signers;
use super::super::message::Composer;
use super::super::template::Templates;
use super::{EmailChannel, EmailConfig, Script, channel, config, parcel, relay};
use crate::Channel;
use crate::testing::{attachment, noise};

/// The mail as a relay took it.
async fn sent(parcel: &Parcel) -> Vec<u8> {
    let relay = relay(Script::default()).await;
    channel(&relay).send(parcel).await.unwrap();
    relay.taken().remove(0).content
}

async fn refused(parcel: &Parcel) -> (schema::FailureClass, String) {
    let relay = relay(Script::default()).await;
    let error = channel(&relay).send(parcel).await.unwrap_err();
    assert_eq!(error.stage, SendStage::NotSent);
    assert_eq!(relay.connections(), 0, "a mail that cannot be made opens no connection");
    (error.class, error.code)
}

/// The unfolded value of a header, as it stands in the mail.
fn raw_header<'a>(mail: &'a str, name: &str) -> Option<&'a str> {
    let head = mail.split("\r\n\r\n").next().unwrap();
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[tokio::test]
async fn the_headers_say_who_what_and_how_to_leave() {
    let parcel = parcel();
    let mail = String::from_utf8(sent(&parcel).await).unwrap();
    let delivery = parcel.delivery.to_string();
    let digest = parcel.attachments[0].sha256.to_string();
    for (name, wanted) in [
        ("Date", "Mon, 23 Nov 2026 06:30:00 +0000"),
        ("From", "\"Acme Reports\" <reports@acme.example>"),
        ("To", "\"Ada Lovelace\" <ada@customer.example>"),
        ("Subject", "Market risk, daily (2026-11-23)"),
        ("Message-ID", &format!("<{delivery}@acme.example>")),
        ("MIME-Version", "1.0"),
        ("Auto-Submitted", "auto-generated"),
        ("List-Unsubscribe", "<https://waybill.example/u/abc>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("X-Waybill-Delivery", &delivery),
        ("X-Waybill-Content-SHA256", &digest),
        ("X-Waybill-Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ] {
        assert_eq!(raw_header(&mail, name), Some(wanted), "{name}");
    }
    let bare = Parcel { unsubscribe_url: None, traceparent: None, ..parcel };
    let mail = String::from_utf8(sent(&bare).await).unwrap();
    for name in ["List-Unsubscribe", "List-Unsubscribe-Post", "X-Waybill-Traceparent"] {
        assert_eq!(raw_header(&mail, name), None, "{name}");
    }
}

#[test]
fn one_click_is_offered_over_https_alone_but_in_test_sink_mode() {
    let one_click = |test_sink, scheme: &str| {
        let from_address = "reports@acme.example".to_owned();
        let config = EmailConfig { from_address, test_sink, ..EmailConfig::default() };
        let templates = Templates::try_load(None).unwrap();
        let checked = config.checked().unwrap();
        let composer = Composer::try_new(&config, &checked, templates, Signers::default()).unwrap();
        let url = format!("{scheme}://waybill.example/u/abc");
        let parcel = Parcel { unsubscribe_url: Some(url.clone()), ..parcel() };
        let mail = composer.compose(&parcel).unwrap();
        let text = String::from_utf8(mail.without_last_crlf().to_vec()).unwrap();
        assert_eq!(raw_header(&text, "List-Unsubscribe"), Some(&*format!("<{url}>")));
        raw_header(&text, "List-Unsubscribe-Post").is_some()
    };
    assert!(one_click(false, "https"));
    assert!(!one_click(false, "http"));
    assert!(one_click(true, "http"));
}

#[tokio::test]
async fn an_independent_parser_reads_what_was_meant() {
    let mut parcel = parcel();
    parcel.title = "Umsätze für Köln — 売上 & <b>\"Zahlen\"</b>".to_owned();
    parcel.recipient_name = Some(SecretString::from("Zoë \"Z\" O'Neil, PhD <x>".to_owned()));
    parcel.address = SecretString::from("zoe@bücher.example".to_owned());
    parcel.attachments = vec![
        attachment("Umsätze 2026.xlsx", Format::Xlsx, noise(100_000)),
        attachment("empty.txt", Format::Text, Vec::new()),
        attachment("risk \"final\".pdf", Format::Pdf, noise(57)),
    ];
    let bytes = sent(&parcel).await;
    let mail = MessageParser::default().parse(&bytes).unwrap();

    assert_eq!(mail.subject(), Some(&*format!("{} (2026-11-23)", parcel.title)));
    let to = mail.to().unwrap().first().unwrap();
    assert_eq!(to.name(), Some("Zoë \"Z\" O'Neil, PhD <x>"));
    assert_eq!(to.address(), Some("zoe@xn--bcher-kva.example"));
    let text = mail.body_text(0).unwrap();
    assert!(text.contains("Hello Zoë \"Z\" O'Neil, PhD <x>,") && text.contains(&parcel.title));
    let html = mail.body_html(0).unwrap();
    assert!(html.contains("Zoë &quot;Z&quot; O&#x27;Neil, PhD &lt;x&gt;"), "{html}");
    assert!(!html.contains("<b>"), "what a publisher writes is text, never markup");
    assert_eq!(mail.attachment_count(), 3);
    for (part, file) in mail.attachments().zip(&parcel.attachments) {
        assert_eq!(part.attachment_name(), Some(&*file.name));
        assert!(part.contents() == &file.content[..], "{}", file.name);
    }
    assert!(bytes.is_ascii());
    let longest = bytes.split(|c| *c == b'\n').map(<[u8]>::len).max().unwrap();
    assert!(longest <= 999, "no line is longer than RFC 5322 allows: {longest}");
}

#[tokio::test]
async fn the_same_delivery_is_the_same_mail_whatever_the_attempt() {
    let first = sent(&parcel()).await;
    let again = sent(&Parcel { attempt: 7, ..parcel() }).await;
    assert_eq!(first, again);
}

#[tokio::test]
async fn lines_that_begin_with_a_dot_arrive_as_they_were_hashed() {
    let relay = relay(Script::default()).await;
    let mut parcel = parcel();
    parcel.title = ".hidden".to_owned();
    let receipt = channel(&relay).send(&parcel).await.unwrap();
    let taken = relay.taken().remove(0).content;
    assert_eq!(receipt.content_sha256, schema::Sha256::of(&taken));
    assert!(taken.ends_with(b"--\r\n"), "nothing was added at the end");
}

#[tokio::test]
async fn a_mail_without_files_has_no_outer_part() {
    let mail = String::from_utf8(sent(&Parcel { attachments: vec![], ..parcel() }).await).unwrap();
    assert!(raw_header(&mail, "Content-Type").unwrap().starts_with("multipart/alternative"));
    assert!(mail.contains("This version has no files for you."));
}

#[tokio::test]
async fn nothing_with_a_line_break_gets_into_a_header() {
    let breaks = "x\r\nBcc: eve@example.com";
    let secret = || Some(SecretString::from(breaks.to_owned()));
    let files = vec![attachment(breaks, Format::Csv, b"x".as_slice())];
    let path = vec![attachment("../x.csv", Format::Csv, b"x".as_slice())];
    for parcel in [
        Parcel { title: breaks.to_owned(), ..parcel() },
        Parcel { recipient_name: secret(), ..parcel() },
        Parcel { unsubscribe_url: Some(format!("https://{breaks}")), ..parcel() },
        Parcel { unsubscribe_url: Some("javascript:alert(1)".to_owned()), ..parcel() },
        Parcel { traceparent: Some(breaks.to_owned()), ..parcel() },
        Parcel { attachments: files, ..parcel() },
        Parcel { attachments: path, ..parcel() },
        Parcel { title: "x".repeat(501), ..parcel() },
    ] {
        assert_eq!(refused(&parcel).await, (Content, "mail.header".to_owned()));
    }
}

#[tokio::test]
async fn an_address_that_cannot_be_is_the_recipients_fault() {
    for address in ["ada@xn--a.example", "ada@a.example\r\nRCPT TO:<eve@example.com>", "ada", ""] {
        let parcel = Parcel { address: SecretString::from(address.to_owned()), ..parcel() };
        assert_eq!(refused(&parcel).await, (RecipientPermanent, "address.invalid".to_owned()));
    }
}

#[tokio::test]
async fn a_mail_over_the_limit_is_refused_before_it_is_sent() {
    let relay = relay(Script::default()).await;
    let config = EmailConfig { max_message_bytes: 100_000, ..config(&relay) };
    let channel = EmailChannel::try_new(&config).unwrap();
    for size_bytes in [80_000, 100_001] {
        let attachments = vec![attachment("a.bin", Format::Binary, noise(size_bytes))];
        let error = channel.send(&Parcel { attachments, ..parcel() }).await.unwrap_err();
        assert_eq!((error.class, error.code.as_str()), (Content, "mail.too_large"));
    }
    assert_eq!(relay.connections(), 0);
}

#[tokio::test]
async fn a_heavy_parcel_is_the_same_mail_as_on_this_thread() {
    let attachments = vec![attachment("a.bin", Format::Binary, noise(2 << 20))];
    let heavy = Parcel { attachments, ..parcel() };
    let bytes = sent(&heavy).await;
    let mail = MessageParser::default().parse(&bytes).unwrap();
    assert!(mail.attachments().next().unwrap().contents() == &heavy.attachments[0].content[..]);
}
