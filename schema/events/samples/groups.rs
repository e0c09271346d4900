use std::collections::BTreeMap;

use super::{name, text};
use crate::events::{GroupEvent, GroupSubscriptionBody, SubscriptionEvent};
use crate::{Addressee, ChannelKind, Preferences, ReportSelector, Selector};

pub fn groups() -> Vec<GroupEvent> {
    let members = [Addressee::Recipient(name("ada")), Addressee::Group(name("desk-8"))];
    let mut events = vec![
        GroupEvent::GroupCreated { title: text("Desk 7") },
        GroupEvent::GroupChanged { title: text("Desk 7 \"old\"") },
        GroupEvent::GroupRetired { reason: text("closed") },
    ];
    events.extend(members.clone().map(|member| GroupEvent::MemberAdded { member }));
    events.extend(members.map(|member| GroupEvent::MemberRemoved { member }));
    events
}

/// A group's subscription.
pub fn of_a_group() -> Vec<SubscriptionEvent> {
    let body = || GroupSubscriptionBody {
        group: name("desk-7"),
        selector: Selector { report: ReportSelector::Every, attributes: BTreeMap::new() },
        preferences: Preferences {
            channels: vec![ChannelKind::Mail],
            formats: vec![],
            deadline_s: None,
            timing: crate::Timing::default(),
        },
    };
    vec![
        SubscriptionEvent::GroupSubscribed { version: 1, body: body() },
        SubscriptionEvent::GroupSubscriptionChanged { version: 2, body: body() },
        SubscriptionEvent::MemberOptedOut {
            version: 3,
            recipient: name("ada"),
            reason: text("one_click"),
        },
        SubscriptionEvent::MemberOptedIn { version: 4, recipient: name("ada") },
    ]
}
