use schema::events::{
    RecipientEvent, RecipientKind, RecipientProfile, RetireReason, SuppressionReason,
};

use super::until;

pub(super) fn of(event: &RecipientEvent) -> String {
    match event {
        RecipientEvent::RecipientRegistered(profile) => format!("registered as {}", told(profile)),
        RecipientEvent::RecipientChanged(profile) => format!("is from now on {}", told(profile)),
        RecipientEvent::AddressAdded { address, channel, destination, revision, .. } => {
            format!(
                "address {address} added for {channel} (revision {revision}), destination {destination}"
            )
        }
        RecipientEvent::AddressChanged { address, destination, revision, .. } => {
            format!("address {address} changed to revision {revision}, destination {destination}")
        }
        RecipientEvent::AddressRetired { address, reason } => {
            let why = match reason {
                RetireReason::Requested => "as requested",
                RetireReason::Gone => "the other side said it is gone for good",
            };
            format!("address {address} retired: {why}")
        }
        RecipientEvent::AddressBouncedSoftly { address, delivery, .. } => {
            format!("mail to address {address} came back, for a reason that passes: {delivery}")
        }
        RecipientEvent::AddressSuppressed { address, reason, until: end, .. } => {
            let why = match reason {
                SuppressionReason::HardBounce => "its server takes nothing for it",
                SuppressionReason::Complaint => "a mail to it was complained of",
                SuppressionReason::RepeatedSoft => "mail to it came back several times",
                SuppressionReason::Imported => "it stands on an imported list",
                SuppressionReason::Requested => "as requested",
            };
            format!("address {address} suppressed {}: {why}", until(*end, "until it is lifted"))
        }
        RecipientEvent::SuppressionLifted { address, reason } => {
            format!("address {address} is sent to again: {reason}")
        }
        RecipientEvent::WebhookConfigured { address, settings } => {
            let (payload, signing) = (settings.payload.as_str(), settings.signing.as_str());
            let headers = settings.headers.len();
            let shown =
                if settings.client_certificate.is_some() { " and a certificate" } else { "" };
            let overlap = settings.overlap_until.map_or_else(String::new, |end| {
                format!("; the keys before it sign, too, {}", until(Some(end), ""))
            });
            format!(
                "webhook {address} is sent the {payload} payload, signed {signing}, with {headers} headers of its \
                 own{shown}{overlap}"
            )
        }
        RecipientEvent::EntitlementGranted { grant, report, until: end } => {
            format!("granted {report} by grant {grant}, {}", until(*end, "for good"))
        }
        RecipientEvent::EntitlementRevoked { grant, reason } => {
            format!("grant {grant} revoked: {reason}")
        }
        RecipientEvent::RecipientRetired { reason } => {
            format!("retired, gets nothing any more: {reason}")
        }
    }
}

fn told(profile: &RecipientProfile) -> String {
    let kind = match profile.kind {
        RecipientKind::Person => "a person",
        RecipientKind::Team => "a team",
        RecipientKind::System => "a system",
    };
    let name = if profile.name.is_some() { "with a name" } else { "without a name" };
    format!("{kind} {name}, locale {}, zone {}", profile.locale, profile.zone)
}
