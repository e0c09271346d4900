use schema::FailureClass::{
    self, Auth, Config, Content, Policy, RecipientPermanent, Throttled, Transient,
};

use super::SmtpStep;

/// Basic reply code → what can be done about it: to the sender or before it, to the recipient, to DATA or the content.
/// Sources: RFC 5321 §4.2.3, RFC 4954 §6, RFC 3207 §4, RFC 7504, RFC 8689. Sorted by code.
const BASIC: &[(u16, [FailureClass; 3])] = &[
    (421, [Transient, Transient, Transient]), // service closing
    (432, [Auth, Auth, Auth]),                // a password transition is needed
    (450, [Transient, Transient, Transient]), // mailbox busy, greylisted
    (451, [Transient, Transient, Transient]), // error in processing
    (452, [Throttled, Transient, Throttled]), // insufficient storage
    (454, [Transient, Transient, Transient]), // TLS or authentication not available now
    (455, [Transient, Transient, Transient]), // cannot accommodate parameters now
    (500, [Config, Config, Config]),
    (501, [Config, RecipientPermanent, Config]), // syntax error in parameters
    (502, [Config, Config, Config]),
    (503, [Config, Config, Config]),
    (504, [Config, Config, Config]),
    (521, [Config, RecipientPermanent, Config]), // host accepts no mail
    (523, [Config, Content, Content]),           // too large for the recipient
    (530, [Auth, Auth, Auth]),
    (534, [Auth, Auth, Auth]),
    (535, [Auth, Auth, Auth]),
    (538, [Auth, Auth, Auth]),
    (541, [Policy, Policy, Content]), // refused by a filter
    (550, [Config, RecipientPermanent, Content]),
    (551, [Config, RecipientPermanent, RecipientPermanent]), // user not local
    (552, [Content, RecipientPermanent, Content]),           // exceeded storage
    (553, [Config, RecipientPermanent, Content]),            // mailbox name not allowed
    (554, [Policy, Policy, Content]),                        // transaction failed
    (555, [Config, Config, Config]),
    (556, [RecipientPermanent, RecipientPermanent, RecipientPermanent]), // domain accepts no mail
];

pub fn basic_class(basic: u16, step: SmtpStep) -> Option<FailureClass> {
    let at = BASIC.binary_search_by_key(&basic, |row| row.0).ok()?;
    let [sender, recipient, content] = BASIC[at].1;
    Some(match step {
        SmtpStep::Hello | SmtpStep::Auth | SmtpStep::Sender => sender,
        SmtpStep::Recipient => recipient,
        SmtpStep::Data | SmtpStep::Content => content,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_without_repeats() {
        assert!(BASIC.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn no_4yz_is_final() {
        for (code, classes) in BASIC.iter().filter(|row| row.0 < 500) {
            for class in classes {
                assert!(matches!(class, Transient | Throttled | Auth), "{code}");
            }
        }
    }
}
