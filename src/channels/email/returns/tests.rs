#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use proptest::prelude::*;
use schema::FailureClass;
use schema::events::Complaint;

use super::{Failure, Returned, ReturnedMail, read, return_address};

const MARK: &str = "aebagbafaydqqcikbmga2dqpcaireeyuculbogaz";
const OTHER: &str = "bebagbafaydqqcikbmga2dqpcaireeyuculbogaz";

/// As Postfix sends it: notification, status, the original's headers.
fn postfix(status: &str) -> String {
    format!(
        "From: MAILER-DAEMON@mx.example (Mail Delivery System)\r\n\
         To: bounce+{MARK}@returns.acme.example\r\n\
         Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n\
         --b\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nI'm sorry to have to inform you.\r\n\
         --b\r\nContent-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\n\
         Reporting-MTA: dns; mx.example\r\nX-Postfix-Queue-ID: 4XyZ\r\n\
         \r\n{status}\r\n\
         --b\r\nContent-Type: text/rfc822-headers\r\n\r\n\
         Return-Path: <bounce+{MARK}@returns.acme.example>\r\n\
         X-Waybill-Return: {MARK}\r\nSubject: Risk\r\n\r\n--b--\r\n"
    )
}

fn of(raw: &str) -> Returned {
    read(raw.as_bytes(), &[]).unwrap().what
}

fn failed(status: &str) -> Failure {
    let Returned::Failed(failure) = of(&postfix(status)) else { unreachable!("{status}") };
    failure
}

fn recipient(action: &str, status: &str, said: &str) -> String {
    format!(
        "Final-Recipient: rfc822; ada@customer.example\r\nOriginal-Recipient: rfc822;ada@customer.example\r\n\
         Action: {action}\r\nStatus: {status}\r\nRemote-MTA: dns; mx.customer.example\r\n\
         Diagnostic-Code: smtp; {said}\r\n"
    )
}

#[test]
fn a_bounce_names_its_mark_its_class_and_what_was_said() {
    let said = "550 5.1.1 <ada@customer.example>: Recipient address\r\n    rejected: User unknown";
    let mail = read(postfix(&recipient("failed", "5.1.1", said)).as_bytes(), &[]).unwrap();
    let failure = Failure {
        class: FailureClass::RecipientPermanent,
        code: "smtp.5.1.1".to_owned(),
        hard: true,
        reply: Some(
            "550 5.1.1 <ada@customer.example>: Recipient address rejected: User unknown".to_owned(),
        ),
    };
    let marks = vec![MARK.to_owned()];
    assert_eq!(mail, ReturnedMail { what: Returned::Failed(failure), marks });
}

#[test]
fn each_kind_of_failure_is_classed_as_its_reply_would_have_been() {
    use FailureClass::{Content, Policy, RecipientPermanent, Transient, Unknown};
    let seen = [
        // (status, said) → (class, code, hard)
        ("5.2.1", "550 5.2.1 mailbox disabled", RecipientPermanent, "smtp.5.2.1", true),
        ("5.2.2", "552 5.2.2 mailbox full", RecipientPermanent, "smtp.5.2.2", false),
        ("4.4.7", "451 4.4.7 expired", Transient, "smtp.4.4.7", false),
        ("5.7.1", "550 5.7.1 not allowed", Policy, "smtp.5.7.1", false),
        ("5.3.4", "552 5.3.4 too big", Content, "smtp.5.3.4", false),
        // What the server itself said is better than a status that says nothing.
        ("5.0.0", "550 5.1.1 unknown user", RecipientPermanent, "smtp.5.1.1", true),
        ("5.0.0", "550-5.1.1 unknown user", RecipientPermanent, "smtp.5.1.1", true),
        ("5.0.0", "550 no such user here", RecipientPermanent, "smtp.5.0.0", true),
        ("none", "550 no such user here", RecipientPermanent, "smtp.550", true),
        ("none", "it did not work", Unknown, "dsn.failed", false),
    ];
    for (status, said, class, code, hard) in seen {
        let failure = failed(&recipient("failed", status, said));
        let (found, named) = (failure.class, failure.code.as_str());
        assert_eq!((found, named, failure.hard), (class, code, hard), "{status} {said}");
    }
}

#[test]
fn a_delay_and_a_success_are_no_bounce() {
    let said = "451 4.4.1 no answer yet";
    assert_eq!(of(&postfix(&recipient("delayed", "4.4.1", said))), Returned::Delayed);
    for action in ["delivered", "relayed", "expanded", "Relayed (to a system of before 1996)"] {
        assert_eq!(of(&postfix(&recipient(action, "2.0.0", "250 ok"))), Returned::WentOn);
    }
}

#[test]
fn a_report_without_an_action_goes_by_its_status() {
    let bare =
        |status| postfix(&format!("Final-Recipient: rfc822; a@b.example\r\nStatus: {status}\r\n"));
    assert!(matches!(of(&bare("5.1.1")), Returned::Failed(_)));
    assert_eq!(of(&bare("4.2.2")), Returned::Delayed);
    assert_eq!(of(&bare("maybe")), Returned::Unknown);
}

#[test]
fn where_an_alias_led_to_several_mailboxes_it_is_hard_only_if_all_are_gone() {
    let gone = recipient("failed", "5.1.1", "550 5.1.1 unknown");
    let full = recipient("failed", "5.2.2", "552 5.2.2 full");
    let arrived = recipient("delivered", "2.0.0", "250 ok");
    assert!(failed(&format!("{gone}\r\n{gone}")).hard);
    assert!(!failed(&format!("{gone}\r\n{full}")).hard);
    assert!(failed(&format!("{arrived}\r\n{gone}")).hard);
}

/// As a provider's feedback loop sends it: no mark in the addressee, the original whole but for the recipient.
fn feedback(kind: &str, envelope: &str, head: &str) -> String {
    format!(
        "From: <feedback@provider.example>\r\nTo: <abuse@acme.example>\r\nSubject: FW: Risk\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=feedback-report;\r\n boundary=\"b\"\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nThis is an email abuse report.\r\n\
         --b\r\nContent-Type: message/feedback-report\r\n\r\n\
         Feedback-Type: {kind}\r\nUser-Agent: SomeGenerator/1.0\r\nVersion: 1\r\n{envelope}\
         Original-Rcpt-To: <ada@customer.example>\r\n\r\n\
         --b\r\nContent-Type: message/rfc822\r\nContent-Disposition: inline\r\n\r\n\
         From: Acme Reports <reports@acme.example>\r\n{head}Subject: Risk\r\nContent-Type: text/plain\r\n\r\nHello\r\n\
         --b--\r\n"
    )
}

#[test]
fn a_complaint_is_found_by_the_envelope_or_by_the_original_it_quotes() {
    let envelope = format!("Original-Mail-From: <bounce+{MARK}@returns.acme.example>\r\n");
    let head = format!("X-Waybill-Return: {MARK}\r\n");
    for raw in [feedback("abuse", &envelope, ""), feedback("abuse", "", &head)] {
        let mail = read(raw.as_bytes(), &[]).unwrap();
        let marks = vec![MARK.to_owned()];
        assert_eq!(mail, ReturnedMail { what: Returned::Complained(Complaint::Abuse), marks });
    }
    let message_id_alone = "Message-ID: <019f0000-0000-8000-8000-000000000001@acme.example>\r\n";
    let mail = read(feedback("abuse", "", message_id_alone).as_bytes(), &[]).unwrap();
    assert_eq!(mail.marks, Vec::<String>::new());
}

#[test]
fn feedback_is_of_the_kinds_that_are_registered_and_others_count_as_other() {
    let seen = [
        ("abuse", Returned::Complained(Complaint::Abuse)),
        ("Fraud", Returned::Complained(Complaint::Fraud)),
        ("virus", Returned::Complained(Complaint::Virus)),
        ("other", Returned::Complained(Complaint::Other)),
        ("dislike", Returned::Complained(Complaint::Other)),
        ("not-spam", Returned::NoComplaint),
        ("auth-failure", Returned::NoComplaint),
    ];
    for (kind, what) in seen {
        assert_eq!(of(&feedback(kind, "", "")), what, "{kind}");
    }
}

fn answer(header: &str) -> String {
    format!(
        "From: ada@customer.example\r\nTo: bounce+{MARK}@returns.acme.example\r\nSubject: Out of office\r\n\
         {header}Content-Type: text/plain\r\n\r\nI am away until Monday, 550 5.1.1 miles from here.\r\n"
    )
}

#[test]
fn out_of_office_is_an_automatic_reply_and_no_bounce() {
    let headers = [
        "Auto-Submitted: auto-replied\r\n",
        "Auto-Submitted: auto-replied (vacation)\r\n",
        "Auto-Submitted: auto-generated; owner=ada\r\n",
        "X-Autoreply: yes\r\n",
        "X-Autorespond: Risk\r\n",
        "Precedence: auto_reply\r\n",
    ];
    for header in headers {
        let mail = read(answer(header).as_bytes(), &[]).unwrap();
        let marks = vec![MARK.to_owned()];
        assert_eq!(mail, ReturnedMail { what: Returned::AutoReply, marks }, "{header}");
    }
}

#[test]
fn what_a_person_writes_is_none_of_them() {
    for header in ["", "Auto-Submitted: no\r\n", "Precedence: bulk\r\n"] {
        assert_eq!(of(&answer(header)), Returned::Unknown, "{header}");
    }
}

#[test]
fn the_envelope_comes_before_all_that_the_message_says() {
    let envelope = [return_address("bounce", &OTHER.to_uppercase(), "returns.acme.example")];
    let raw = postfix(&recipient("failed", "5.1.1", "550 5.1.1 unknown"));
    let mail = read(raw.as_bytes(), &envelope).unwrap();
    assert_eq!(mail.marks, [OTHER, MARK]);
}

#[test]
fn what_has_no_header_is_no_message() {
    for raw in ["", "\r\n\r\nhello", "hello", "no header at all", "a b: c\r\n"] {
        assert_eq!(read(raw.as_bytes(), &[]), None, "{raw:?}");
    }
}

proptest! {
    #[test]
    fn no_message_however_broken_does_more_than_be_read_or_not(
        cut in 0usize..2_000,
        at in 0usize..2_000,
        byte: u8,
        noise in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let whole = postfix(&recipient("failed", "5.1.1", "550 5.1.1 unknown")).into_bytes();
        let mut broken = whole[..cut.min(whole.len())].to_vec();
        if let Some(changed) = broken.get_mut(at) {
            *changed = byte;
        }
        broken.extend(noise);
        if let Some(mail) = read(&broken, &[]) {
            prop_assert!(mail.marks.len() <= 16);
        }
    }
}
