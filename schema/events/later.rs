//! Samples of what released events learned to say later: each set has a golden file of its own, named after it, since a
//! released file is never written again.

#![expect(clippy::unwrap_used, reason = "samples are well-formed")]

mod timing;

use std::collections::BTreeMap;

use super::{
    AnsweredVia, ApiKeyEvent, Complaint, DeliveryEvent, DistributionEvent, Evidence, KeyLimits,
    LedgerEvent, NotPlanned, NotPlannedReason, OnTimeAnswer, RecipientEvent, ReportEvent,
    ReportProfile, Scope, SliceSums, SuppressReason, SuppressionReason,
};
use crate::{
    ClientCertificate, DeliveryId, Position, Sha256, Timestamp, WebhookPayload, WebhookSettings,
    WebhookSigning,
};

const LATER: Timestamp = Timestamp::from_unix_micros(1_795_395_600_000_001);

/// Each with the name of its set; the empty name is that of the event's own, first file.
pub(super) fn samples() -> Vec<(&'static str, LedgerEvent)> {
    let mut samples: Vec<_> = recipients().into_iter().map(|event| ("", event.into())).collect();
    samples.extend(returns().map(|event| ("returns", event.into())));
    samples.push(("returns", not_planned(NotPlannedReason::SuppressedAddress).into()));
    samples.extend(timing::samples());
    samples.push(("limits", limited_key().into()));
    samples.extend(self_service().map(|event| ("self_service", event.into())));
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
    let configured = |payload, signing, headers, overlap_until| RecipientEvent::WebhookConfigured {
        address: name("hook"),
        settings: WebhookSettings {
            keys: name("00c0ffee00c0ffee"),
            payload,
            signing,
            headers,
            public_key: "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=".to_owned(),
            overlap_until,
            client_certificate: overlap_until.map(|expires_at| ClientCertificate {
                sha256: Sha256::of(b"certificate"),
                expires_at,
            }),
        },
    };
    vec![
        configured(WebhookPayload::Full, WebhookSigning::V1, vec![], None),
        configured(WebhookPayload::Thin, WebhookSigning::V1a, vec!["x-token".to_owned()], None),
        configured(WebhookPayload::Thin, WebhookSigning::Both, vec![], Some(LATER)),
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

fn self_service() -> [ReportEvent; 2] {
    let profile = || ReportProfile {
        title: "Risk".to_owned(),
        owner: "desk-7".to_owned(),
        deadline_s: 60,
        columns: vec![],
        self_service: true,
    };
    [ReportEvent::ReportRegistered(profile()), ReportEvent::ReportChanged(profile())]
}

fn limited_key() -> ApiKeyEvent {
    let limits = KeyLimits {
        reports: ["risk-daily", "sales-*"].map(str::to_owned).into(),
        groups: [name("desk-7")].into(),
    };
    ApiKeyEvent::ApiKeyIssued {
        title: "portal".to_owned(),
        secret_hash: "00ff".to_owned(),
        scopes: [Scope::Subscribe].into(),
        expires_at: None,
        limits,
    }
}

fn not_planned(reason: NotPlannedReason) -> DistributionEvent {
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
