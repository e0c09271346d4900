//! Values that several rooms' tests share.

#![expect(clippy::unwrap_used, reason = "samples are well-formed")]

use std::collections::BTreeMap;

use schema::events::{
    ArtifactRef, DeliveryPlan, RecipientKind, RecipientProfile, ReportVersion, SubscriptionBody,
};
use schema::{
    Attributes, ChannelKind, DeliveryId, DestinationKey, DistributionId, FailureClass, Fault,
    Format, Preferences, Proof, Receipt, RecipientId, ReportName, ReportSelector, RetrySchedule,
    Sealed, Selector, Sha256, TenantId, Timestamp, Timing, WebhookPayload, WebhookSettings,
    WebhookSigning,
};

use crate::planning::version_digest;

/// 2026-11-23 00:00:00 UTC.
pub(crate) const NOW: Timestamp = Timestamp::from_unix_micros(1_795_392_000_000_000);

pub(crate) fn name<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

pub(crate) fn acme() -> TenantId {
    name("acme")
}

pub(crate) fn sealed(clear: &str) -> Sealed {
    let (key, ciphertext) = ("k".to_owned(), "c".to_owned());
    Sealed { key, ciphertext, tag: clear.to_owned() }
}

pub(crate) fn webhook_settings() -> WebhookSettings {
    WebhookSettings {
        keys: name("00c0ffee00c0ffee"),
        payload: WebhookPayload::Thin,
        signing: WebhookSigning::Both,
        headers: vec!["authorization".to_owned(), "x-token".to_owned()],
        public_key: "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=".to_owned(),
        overlap_until: Some(NOW),
        client_certificate: None,
    }
}

pub(crate) fn profile() -> RecipientProfile {
    RecipientProfile {
        kind: RecipientKind::Person,
        name: Some(sealed("Ada")),
        locale: "en-GB".to_owned(),
        zone: name("Europe/London"),
    }
}

pub(crate) fn body(recipient: &str, report: &str) -> SubscriptionBody {
    let report = if report == "*" {
        ReportSelector::Every
    } else {
        ReportSelector::Named(name::<ReportName>(report))
    };
    SubscriptionBody {
        recipient: name::<RecipientId>(recipient),
        selector: Selector { report, attributes: BTreeMap::new() },
        preferences: Preferences {
            channels: vec![ChannelKind::Mail],
            formats: vec![],
            deadline_s: None,
            timing: Timing::default(),
        },
    }
}

pub(crate) fn artifact(file: &str, format: Format) -> ArtifactRef {
    let sha256 = Sha256::of(file.as_bytes());
    ArtifactRef { name: file.to_owned(), format, sha256, size_bytes: 42 }
}

pub(crate) fn version(attributes: Attributes, artifacts: Vec<ArtifactRef>) -> ReportVersion {
    ReportVersion {
        report: name("risk"),
        version: name("2026-11-23"),
        digest: version_digest(&attributes, &artifacts, None),
        title: "Risk".to_owned(),
        attributes,
        artifacts,
        frame: None,
        corrects: None,
        received_at: NOW,
        deadline: NOW.plus_ms(3_600_000),
    }
}

/// Three attempts, one doubt, waits of at most 1 s.
pub(crate) const RETRY: RetrySchedule = RetrySchedule {
    base_ms: 1000,
    cap_ms: 1000,
    attempt_limit: 3,
    retry_after_cap_ms: 60_000,
    doubt_limit: 1,
};

pub(crate) fn plan() -> DeliveryPlan {
    DeliveryPlan {
        distribution: DistributionId::of(&acme(), &name("risk"), &name("2026-11-23")),
        report: name("risk"),
        version: name("2026-11-23"),
        recipient: name("ada"),
        channel: ChannelKind::Mail,
        subscription: name("ada-risk"),
        subscription_version: 1,
        group: None,
        grant: name("desk"),
        slice: 0,
        address: name("work"),
        destination: name::<DestinationKey>("d1"),
        format: None,
        received_at: NOW,
        deadline: NOW.plus_ms(3_600_000),
        retry: RETRY,
        resend_of: None,
        resend: 0,
        planned: None,
    }
}

pub(crate) fn delivery_id(resend: u32) -> DeliveryId {
    let plan = plan();
    DeliveryId::of(plan.distribution, NOW, &plan.recipient, plan.channel, resend)
}

pub(crate) fn receipt(proof: Proof) -> Receipt {
    let content_sha256 = Sha256::of(b"content");
    Receipt { proof, status: 250, content_sha256, content_bytes: 7, reply: None }
}

pub(crate) fn fault(class: FailureClass) -> Fault {
    Fault { class, code: "smtp.4.2.2".to_owned(), reply: None, retry_after_ms: None }
}
