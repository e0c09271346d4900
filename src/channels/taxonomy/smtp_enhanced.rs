use schema::FailureClass::{
    self, Auth, Config, Content, Policy, RecipientPermanent, Throttled, Transient,
};

use super::{EnhancedCode, SmtpStep};

/// (subject, detail) → what can be done about a persistent transient failure (4.x.y) and about a permanent one (5.x.y).
/// Sources: RFC 3463, RFC 4954, RFC 7293, RFC 7372, RFC 7504, RFC 7505, RFC 8689 and the IANA registry "SMTP Enhanced
/// Status Codes" (RFC 5248); details above 30 as Exchange Online documents them. Sorted.
const ENHANCED: &[((u16, u16), FailureClass, FailureClass)] = &[
    ((1, 0), Transient, RecipientPermanent), // other address status
    ((1, 1), Transient, RecipientPermanent), // bad destination mailbox
    ((1, 2), Transient, RecipientPermanent), // bad destination system
    ((1, 3), Transient, RecipientPermanent), // bad destination mailbox syntax
    ((1, 4), Transient, RecipientPermanent), // destination mailbox ambiguous
    ((1, 6), Transient, RecipientPermanent), // mailbox has moved
    ((1, 7), Transient, Config),             // bad sender mailbox syntax
    ((1, 8), Transient, Config),             // bad sender system
    ((1, 9), Transient, Transient),          // relayed to a non-compliant mailer
    ((1, 10), Transient, RecipientPermanent), // null MX
    ((2, 0), Transient, RecipientPermanent), // other mailbox status
    ((2, 1), Throttled, RecipientPermanent), // mailbox disabled; 4.2.1: receives too quickly
    ((2, 2), Transient, RecipientPermanent), // mailbox full
    ((2, 3), Content, Content),              // longer than the mailbox allows
    ((2, 4), Transient, RecipientPermanent), // mailing list expansion
    ((3, 0), Transient, Transient),          // other mail system status
    ((3, 1), Transient, Transient),          // mail system full
    ((3, 2), Transient, Transient),          // system not accepting messages
    ((3, 3), Transient, Config),             // system lacks features
    ((3, 4), Content, Content),              // message too big for the system
    ((3, 5), Transient, Config),             // system wrongly configured
    ((4, 0), Transient, Transient),          // other network status
    ((4, 1), Transient, RecipientPermanent), // no answer from host; 5.4.1: as Exchange says "unknown"
    ((4, 2), Transient, Transient),          // bad connection
    ((4, 3), Transient, Transient),          // directory server failure
    ((4, 4), Transient, RecipientPermanent), // unable to route
    ((4, 5), Throttled, Throttled),          // mail system congestion
    ((4, 6), Transient, Config),             // routing loop
    ((4, 7), Transient, Transient),          // delivery time expired
    ((5, 0), Transient, Config),             // other protocol status
    ((5, 1), Transient, Config),             // invalid command
    ((5, 2), Transient, Config),             // syntax error
    ((5, 3), Throttled, Config),             // too many recipients
    ((5, 4), Transient, Config),             // invalid arguments
    ((5, 5), Transient, Config),             // wrong protocol version
    ((5, 6), Transient, Auth),               // authentication exchange line too long
    ((6, 0), Transient, Content),            // other content status
    ((6, 1), Transient, Content),            // media not supported
    ((6, 2), Transient, Content),            // conversion required and prohibited
    ((6, 3), Transient, Content),            // conversion required, not supported
    ((6, 4), Transient, Content),            // conversion with loss
    ((6, 5), Transient, Content),            // conversion failed
    ((6, 6), Transient, Content),            // content not available
    ((6, 7), Transient, RecipientPermanent), // non-ASCII addresses not permitted
    ((6, 8), Transient, Content),            // UTF-8 reply required
    ((6, 9), Transient, Content),            // UTF-8 header cannot be transferred
    ((7, 2), Transient, Policy),             // mailing list expansion prohibited
    ((7, 3), Transient, Config),             // security conversion required
    ((7, 4), Transient, Config),             // security features not supported
    ((7, 5), Transient, Config),             // cryptographic failure
    ((7, 6), Transient, Config),             // algorithm not supported
    ((7, 7), Transient, Content),            // message integrity failure
    ((7, 8), Auth, Auth),                    // credentials invalid
    ((7, 9), Auth, Auth),                    // mechanism too weak
    ((7, 10), Auth, Config),                 // encryption needed
    ((7, 11), Auth, Config),                 // encryption required for the mechanism
    ((7, 12), Auth, Auth),                   // password transition needed
    ((7, 13), Transient, RecipientPermanent), // account disabled
    ((7, 14), Transient, Auth),              // trust relationship required
    ((7, 15), Throttled, Policy),            // priority too low
    ((7, 16), Transient, Content),           // too big for its priority
    ((7, 17), Transient, RecipientPermanent), // mailbox has another owner
    ((7, 18), Transient, RecipientPermanent), // domain has another owner
    ((7, 19), Transient, RecipientPermanent), // RRVS test cannot be completed
    ((7, 20), Transient, Auth),              // no passing DKIM signature
    ((7, 21), Transient, Auth),              // no acceptable DKIM signature
    ((7, 22), Transient, Auth),              // no author-matched DKIM signature
    ((7, 23), Transient, Auth),              // SPF validation failed
    ((7, 24), Transient, Auth),              // SPF validation error
    ((7, 25), Transient, Auth),              // reverse DNS validation failed
    ((7, 26), Transient, Auth),              // several authentication checks failed
    ((7, 27), Transient, Config),            // sender address has null MX
    ((7, 28), Throttled, Throttled),         // mail flood detected
    ((7, 29), Transient, Auth),              // ARC validation failure
    ((7, 30), Transient, Config),            // REQUIRETLS not supported
    ((7, 57), Transient, Auth),              // anonymous may not send
    ((7, 60), Transient, Auth),              // may not send as this sender
    ((7, 64), Transient, Policy),            // tenant attribution
    ((7, 500), Throttled, Policy),           // rate of an unknown sender
    ((7, 509), Transient, Auth),             // sending domain fails DMARC
];

/// `None` where the enhanced code says nothing beyond the basic code (x.0.0, x.7.0, x.7.1 and what is not listed).
pub fn enhanced_class(code: EnhancedCode, step: SmtpStep) -> Option<FailureClass> {
    if (code.subject, code.detail) == (7, 1) {
        // "Delivery not authorised": of the content after the final dot, of the sender or recipient before it.
        return Some(match (code.class, step) {
            (4, _) => Transient,
            (_, SmtpStep::Content) => Content,
            _ => Policy,
        });
    }
    let at = ENHANCED.binary_search_by_key(&(code.subject, code.detail), |row| row.0).ok()?;
    let (_, transient, permanent) = ENHANCED[at];
    Some(if code.class == 4 { transient } else { permanent })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_without_repeats() {
        assert!(ENHANCED.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn the_recipient_is_never_given_up_on_a_transient_code() {
        for (code, transient, _) in ENHANCED {
            assert!(!matches!(transient, RecipientPermanent | Config | Policy), "4.{code:?}");
        }
    }
}
