use std::fmt;

use schema::FailureClass;

use super::smtp_basic::basic_class;
use super::smtp_enhanced::enhanced_class;

/// What was being said when the reply came. The same code means another thing at another step: 550 to the sender is
/// our fault, to the recipient theirs, after the content the content's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpStep {
    /// The greeting, EHLO or STARTTLS.
    Hello,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA, before the content.
    Data,
    /// The answer to the final dot.
    Content,
}

/// An enhanced status code (RFC 3463), such as 5.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EnhancedCode {
    /// 2, 4 or 5.
    pub class: u16,
    /// What it is about.
    pub subject: u16,
    /// What about it.
    pub detail: u16,
}

impl EnhancedCode {
    /// Reads the code at the beginning of a reply's text.
    #[must_use]
    pub fn at_start_of(text: &str) -> Option<Self> {
        let mut parts = text.split_ascii_whitespace().next()?.splitn(3, '.');
        let mut number = |digits| {
            let part = parts.next()?;
            let plain =
                (1..=digits).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_digit());
            part.parse::<u16>().ok().filter(|_| plain)
        };
        let code = Self { class: number(1)?, subject: number(3)?, detail: number(3)? };
        matches!(code.class, 2 | 4 | 5).then_some(code)
    }
}

impl fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// What a negative SMTP reply means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpMeaning {
    /// What can be done about it.
    pub class: FailureClass,
    /// The taxonomy's name: `smtp.5.1.1`, or `smtp.550` where the server gave no enhanced code.
    pub code: String,
}

/// Reads a negative reply: by its enhanced code when it has one that fits its basic code, else by the basic code and
/// the step; 4yz that no table knows is transient (RFC 5321 §4.2.1), 5yz unknown. At the greeting nothing has been said
/// of sender, recipient or content yet: what would be final for one mail there is the relay turning everyone away.
#[must_use]
pub fn smtp_meaning(step: SmtpStep, basic: u16, text: &str) -> SmtpMeaning {
    // A server that says "550 4.2.1" contradicts itself: the basic code is the one every server means.
    let enhanced = EnhancedCode::at_start_of(text).filter(|code| code.class == basic / 100);
    let code = enhanced.map_or_else(|| format!("smtp.{basic}"), |code| format!("smtp.{code}"));
    let class = enhanced
        .and_then(|code| enhanced_class(code, step))
        .or_else(|| basic_class(basic, step))
        .unwrap_or(if basic / 100 == 4 { FailureClass::Transient } else { FailureClass::Unknown });
    let final_for_one_mail = matches!(
        class,
        FailureClass::Policy | FailureClass::RecipientPermanent | FailureClass::Content
    );
    let class =
        if step == SmtpStep::Hello && final_for_one_mail { FailureClass::Config } else { class };
    SmtpMeaning { class, code }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use schema::FailureClass::{
        Auth, Config, Content, Policy, RecipientPermanent, Throttled, Transient, Unknown,
    };

    use super::*;

    #[test]
    fn replies_as_real_servers_give_them() {
        use SmtpStep::{Content as AfterDot, Data, Hello, Recipient, Sender};
        let seen = [
            (
                Recipient,
                550,
                "5.1.1 <x@example.com>: Recipient address rejected: User unknown",
                RecipientPermanent,
                "smtp.5.1.1",
            ),
            (
                Recipient,
                550,
                "5.4.1 Recipient address rejected: Access denied.",
                RecipientPermanent,
                "smtp.5.4.1",
            ),
            (Recipient, 550, "No such user here", RecipientPermanent, "smtp.550"),
            (Recipient, 554, "5.7.1 <x@example.com>: Relay access denied", Policy, "smtp.5.7.1"),
            (
                Recipient,
                450,
                "4.2.0 <x@example.com>: Greylisted, try again in 300 s",
                Transient,
                "smtp.4.2.0",
            ),
            (
                Recipient,
                452,
                "4.2.2 The email account that you tried to reach is over quota",
                Transient,
                "smtp.4.2.2",
            ),
            (Recipient, 552, "5.2.2 Mailbox full", RecipientPermanent, "smtp.5.2.2"),
            (
                Recipient,
                450,
                "4.2.1 The user you are trying to contact is receiving mail too quickly",
                Throttled,
                "smtp.4.2.1",
            ),
            (
                Hello,
                421,
                "4.7.28 Our system has detected an unusual rate of unsolicited mail",
                Throttled,
                "smtp.4.7.28",
            ),
            (Hello, 421, "4.3.2 Service not available", Transient, "smtp.4.3.2"),
            (Hello, 554, "No SMTP service here", Config, "smtp.554"),
            (Hello, 554, "5.7.1 Your host is listed", Config, "smtp.5.7.1"),
            (Hello, 556, "This host accepts no mail", Config, "smtp.556"),
            (SmtpStep::Auth, 535, "5.7.8 Username and Password not accepted", Auth, "smtp.5.7.8"),
            (
                SmtpStep::Auth,
                454,
                "4.7.0 Temporary authentication failure",
                Transient,
                "smtp.4.7.0",
            ),
            (Sender, 530, "5.7.0 Authentication Required", Auth, "smtp.5.7.0"),
            (
                Sender,
                550,
                "5.7.60 Client does not have permissions to send as this sender",
                Auth,
                "smtp.5.7.60",
            ),
            (Sender, 553, "sender rejected", Config, "smtp.553"),
            (AfterDot, 552, "5.3.4 Message size exceeds fixed limit", Content, "smtp.5.3.4"),
            (AfterDot, 554, "5.7.1 Message contained unsafe content", Content, "smtp.5.7.1"),
            (AfterDot, 550, "5.7.26 Unauthenticated email is not accepted", Auth, "smtp.5.7.26"),
            (AfterDot, 451, "4.7.1 try later", Transient, "smtp.4.7.1"),
            (AfterDot, 554, "rejected as spam", Content, "smtp.554"),
            (Data, 503, "5.5.1 Bad sequence", Config, "smtp.5.5.1"),
            (
                Recipient,
                556,
                "5.1.10 Recipient address has a null MX",
                RecipientPermanent,
                "smtp.5.1.10",
            ),
            (Recipient, 550, "4.2.1 contradiction", RecipientPermanent, "smtp.550"),
            (Data, 499, "what", Transient, "smtp.499"),
            (Data, 599, "what", Unknown, "smtp.599"),
            (Data, 599, "5.9.9 what", Unknown, "smtp.5.9.9"),
        ];
        for (step, basic, text, class, code) in seen {
            let meaning = smtp_meaning(step, basic, text);
            assert_eq!(meaning, SmtpMeaning { class, code: code.into() }, "{basic} {text}");
        }
    }

    #[test]
    fn only_a_whole_code_is_read() {
        for text in
            ["", "5", "5.1", "5.1.", "5.1.1234", "x5.1.1", "3.1.1", "5.1.1.1", "5,1,1", "5.+1.1"]
        {
            assert_eq!(EnhancedCode::at_start_of(text), None, "{text}");
        }
        let code = EnhancedCode::at_start_of("5.7.509 Access denied").unwrap();
        assert_eq!(code, EnhancedCode { class: 5, subject: 7, detail: 509 });
    }

    proptest::proptest! {
        #[test]
        fn every_negative_reply_has_a_meaning(basic in 400_u16..600, text: String) {
            let meaning = smtp_meaning(SmtpStep::Recipient, basic, &text);
            assert!(meaning.class != FailureClass::InDoubt);
            assert!(meaning.code.len() < 20);
            let greeted = smtp_meaning(SmtpStep::Hello, basic, &text).class;
            assert!(!matches!(greeted, Policy | RecipientPermanent | Content));
        }
    }
}
