use std::collections::VecDeque;

use schema::events::{
    RecipientEvent, RecipientKind, RecipientProfile, ReportEvent, ReportProfile, SubscriptionBody,
    SubscriptionEvent, TenantEvent,
};
use schema::{
    ChannelKind, GrantId, LedgerEvent, Preferences, RecipientId, RecordedEvent, ReportName,
    ReportSelector, Selector, StreamId, SubscriptionId, TenantId, Timestamp, Timing,
};

use crate::{Shape, told};

/// The n-th tenant.
pub(crate) fn tenant(number: u32) -> TenantId {
    format!("t{number}").parse().unwrap()
}

/// The n-th report of any tenant.
#[must_use]
pub fn report(number: u32) -> ReportName {
    format!("report-{number}").parse().unwrap()
}

/// The n-th recipient of any tenant.
#[must_use]
pub fn recipient(number: u32) -> RecipientId {
    format!("r{number}").parse().unwrap()
}

/// The subscription of a recipient: one each, to all reports.
#[must_use]
pub fn subscription(number: u32) -> SubscriptionId {
    format!("s{number}").parse().unwrap()
}

pub(crate) fn grant() -> GrantId {
    "all".parse().unwrap()
}

/// Registers everyone.
pub(crate) fn introduce(shape: &Shape, at: Timestamp, events: &mut VecDeque<RecordedEvent>) {
    for number in 0..shape.tenants {
        let tenant = tenant(number);
        let mut tell = |sequence: i64, stream: StreamId, event: LedgerEvent| {
            events.push_back(told(&tenant, at, stream, sequence, event));
        };
        let title = format!("Tenant {number}");
        tell(1, StreamId::tenant(&tenant), TenantEvent::TenantCreated { title }.into());
        for number in 0..shape.reports {
            let name = report(number);
            let (title, owner) = (format!("Report {number}"), "owner".to_owned());
            let profile = ReportProfile {
                title,
                owner,
                deadline_s: 86_400,
                columns: vec![],
                self_service: false,
            };
            let registered = ReportEvent::ReportRegistered(profile);
            tell(1, StreamId::report(&tenant, &name), registered.into());
        }
        for number in 0..shape.recipients {
            let stream = StreamId::recipient(&tenant, &recipient(number));
            let zone = "Europe/Berlin".parse().unwrap();
            let (kind, locale) = (RecipientKind::Person, "de-DE".to_owned());
            let profile = RecipientProfile { kind, name: None, locale, zone };
            tell(1, stream.clone(), RecipientEvent::RecipientRegistered(profile).into());
            let (grant, report) = (grant(), ReportSelector::Every);
            tell(
                2,
                stream,
                RecipientEvent::EntitlementGranted { grant, report, until: None }.into(),
            );
            subscribe(number, &tenant, &mut tell);
        }
    }
}

/// Everyone subscribes; every fifth pauses, every seventh ends it.
fn subscribe(number: u32, tenant: &TenantId, tell: &mut impl FnMut(i64, StreamId, LedgerEvent)) {
    let stream = StreamId::subscription(tenant, &subscription(number));
    let body = SubscriptionBody {
        recipient: recipient(number),
        selector: Selector { report: ReportSelector::Every, attributes: Default::default() },
        preferences: Preferences {
            channels: vec![ChannelKind::Mail, ChannelKind::Webhook],
            formats: vec![],
            deadline_s: None,
            timing: Timing::default(),
        },
    };
    tell(1, stream.clone(), SubscriptionEvent::Subscribed { version: 1, body }.into());
    if number % 5 == 4 {
        let (version, reason) = (2, "holiday".to_owned());
        let paused = SubscriptionEvent::SubscriptionPaused { version, until: None, reason };
        tell(2, stream, paused.into());
    } else if number % 7 == 6 {
        let (version, reason) = (2, "one_click".to_owned());
        tell(2, stream, SubscriptionEvent::Unsubscribed { version, reason }.into());
    }
}
