//! Samples of what released events learned to say later: each set has a golden file of its own, named after it, since a
//! released file is never written again.

#![expect(clippy::unwrap_used, reason = "samples are well-formed")]

use std::collections::BTreeMap;

use super::{
    AnsweredVia, Complaint, DeliveryEvent, DistributionEvent, Evidence, LedgerEvent, NotPlanned,
    NotPlannedReason, OnTimeAnswer, RecipientEvent, SliceSums, SuppressReason, SuppressionReason,
};
use crate::{DeliveryId, Position, Timestamp};

const LATER: Timestamp = Timestamp::from_unix_micros(1_795_395_600_000_001);

/// Each with the name of its set; the empty name is that of the event's own, first file.
pub(super) fn samples() -> Vec<(&'static str, LedgerEvent)> {
    let mut samples: Vec<_> = recipients().into_iter().map(|event| ("", event.into())).collect();
    samples.extend(returns().map(|event| ("returns", event.into())));
    samples.push(("returns", not_planned().into()));
    samples.extend(answers().map(|event| ("answers", event.into())));
    samples
}

fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn delivery() -> DeliveryId {
    name("019f0000-0000-8000-8000-000000000001")
}

fn recipients() -> Vec<RecipientEvent> {
    let suppressed = |reason, until, delivery| RecipientEvent::AddressSuppressed {
        address: name("work"),
        revision: 2,
        reason,
        until,
        delivery,
    };
    vec![
        RecipientEvent::AddressBouncedSoftly {
            address: name("work"),
            revision: 2,
            delivery: delivery(),
            at: LATER,
        },
        suppressed(SuppressionReason::HardBounce, Some(LATER), Some(delivery())),
        suppressed(SuppressionReason::Complaint, None, Some(delivery())),
        suppressed(SuppressionReason::RepeatedSoft, Some(LATER), Some(delivery())),
        suppressed(SuppressionReason::Imported, None, None),
        suppressed(SuppressionReason::Requested, None, None),
        RecipientEvent::SuppressionLifted { address: name("work"), reason: "asked".to_owned() },
    ]
}

fn returns() -> [DeliveryEvent; 6] {
    let learned = |evidence| DeliveryEvent::EvidenceRecorded { evidence };
    let complained = |complaint| learned(Evidence::Complained { complaint });
    [
        DeliveryEvent::DeliverySuppressed { reason: SuppressReason::AddressSuppressed },
        complained(Complaint::Abuse),
        complained(Complaint::Fraud),
        complained(Complaint::Virus),
        complained(Complaint::Other),
        learned(Evidence::AutoReplied),
    ]
}

fn answers() -> [DeliveryEvent; 2] {
    [(OnTimeAnswer::OnTime, AnsweredVia::Mail), (OnTimeAnswer::Late, AnsweredVia::Inbox)].map(
        |(answer, via)| DeliveryEvent::EvidenceRecorded {
            evidence: Evidence::OnTimeAnswered { answer, via },
        },
    )
}

fn not_planned() -> DistributionEvent {
    let reason = NotPlannedReason::SuppressedAddress;
    let decision = NotPlanned {
        recipient: name("ada"),
        subscription: name("s1"),
        subscription_version: 2,
        reason,
        group: None,
    };
    DistributionEvent::SlicePlanned {
        slice: 0,
        after: None,
        through: None,
        read_at: Position(9),
        sums: SliceSums { considered: 1, planned: 0, not_planned: BTreeMap::from([(reason, 1)]) },
        decisions: vec![decision],
    }
}
