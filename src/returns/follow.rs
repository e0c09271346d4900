//! What follows from what a message says: pure, from the two streams it concerns.

use aggregates::delivery;
use aggregates::recipient::{self, SoftBounce, ToSuppress};
use channels::email::returns::{Failure, Returned};
use schema::events::{DeliveryEvent, DeliveryPlan, Evidence, SuppressionReason};
use schema::{DeliveryId, FailureClass, Fault, LedgerEvent, RecordedEvent, Sealed, Timestamp};

use crate::ReturnsConfig;

/// Its name in answers and metrics.
pub(crate) const fn kind(what: &Returned) -> &'static str {
    match what {
        Returned::Failed(_) => "failed",
        Returned::Delayed => "delayed",
        Returned::WentOn => "went_on",
        Returned::Complained(_) => "complained",
        Returned::NoComplaint => "no_complaint",
        Returned::AutoReply => "auto_reply",
        Returned::Unknown => "unknown",
    }
}

/// What is recorded of the delivery; nothing where nothing has changed: a delay is no bounce.
pub(crate) fn of_delivery(what: &Returned, reply: Option<Sealed>) -> Option<delivery::Command> {
    let evidence = match what {
        Returned::Failed(Failure { class, code, .. }) => Evidence::Bounced {
            fault: Fault { class: *class, code: code.clone(), reply, retry_after_ms: None },
        },
        Returned::Complained(complaint) => Evidence::Complained { complaint: *complaint },
        Returned::AutoReply => Evidence::AutoReplied,
        Returned::Delayed | Returned::WentOn | Returned::NoComplaint | Returned::Unknown => {
            return None;
        }
    };
    Some(delivery::Command::RecordEvidence { evidence })
}

/// Which mail it was, to which state of an address.
pub(crate) struct Sent<'p> {
    pub delivery: DeliveryId,
    pub plan: &'p DeliveryPlan,
    pub revision: u32,
}

/// What is asked of the recipient's record.
pub(crate) fn of_recipient(
    what: &Returned,
    sent: &Sent<'_>,
    rules: &ReturnsConfig,
    now: Timestamp,
) -> Option<recipient::Command> {
    let (address, revision) = (sent.plan.address.clone(), sent.revision);
    let suppress = |reason, until| {
        let (address, delivery) = (address.clone(), Some(sent.delivery));
        let wanted = ToSuppress { address, revision, reason, until, delivery, now };
        Some(recipient::Command::SuppressAddress(wanted))
    };
    match what {
        Returned::Failed(failure) if failure.hard => {
            suppress(SuppressionReason::HardBounce, rules.hard_until(now))
        }
        Returned::Failed(failure) if says_of_address(failure.class) => {
            let (delivery, at, rule) = (sent.delivery, now, rules.soft_rule());
            let bounce = SoftBounce { address: address.clone(), revision, delivery, at, rule };
            Some(recipient::Command::BounceSoftly(bounce))
        }
        Returned::Complained(_) => suppress(SuppressionReason::Complaint, None),
        Returned::Failed(_)
        | Returned::Delayed
        | Returned::WentOn
        | Returned::NoComplaint
        | Returned::AutoReply
        | Returned::Unknown => None,
    }
}

/// Whether such a failure speaks of the address at all: what is refused for its content, its sender or a rule may be
/// sent there otherwise.
const fn says_of_address(class: FailureClass) -> bool {
    match class {
        FailureClass::Transient
        | FailureClass::Throttled
        | FailureClass::RecipientPermanent
        | FailureClass::Unknown => true,
        FailureClass::Auth
        | FailureClass::Config
        | FailureClass::Content
        | FailureClass::Policy
        | FailureClass::InDoubt => false,
    }
}

/// The revision of the address that the last attempt used.
pub(crate) fn revision_used(past: &[RecordedEvent]) -> Option<u32> {
    past.iter().rev().find_map(|event| match &event.event {
        LedgerEvent::Delivery(DeliveryEvent::AttemptStarted { address_revision, .. }) => {
            Some(*address_revision)
        }
        _ => None,
    })
}
