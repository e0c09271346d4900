use schema::events::SubscriptionEvent;

use super::{preferred, selected, until};

pub(super) fn of(event: &SubscriptionEvent) -> String {
    match event {
        SubscriptionEvent::Subscribed { version, body } => format!(
            "version {version}: {} subscribed to {} {}",
            body.recipient,
            selected(&body.selector),
            preferred(&body.preferences)
        ),
        SubscriptionEvent::SubscriptionChanged { version, body } => format!(
            "version {version}: {} from now on gets {} {}",
            body.recipient,
            selected(&body.selector),
            preferred(&body.preferences)
        ),
        SubscriptionEvent::GroupSubscribed { version, body } => format!(
            "version {version}: members of group {} subscribed to {} {}",
            body.group,
            selected(&body.selector),
            preferred(&body.preferences)
        ),
        SubscriptionEvent::GroupSubscriptionChanged { version, body } => format!(
            "version {version}: members of group {} from now on get {} {}",
            body.group,
            selected(&body.selector),
            preferred(&body.preferences)
        ),
        SubscriptionEvent::MemberOptedOut { version, recipient, reason } => {
            format!("version {version}: {recipient} wants none of it: {reason}")
        }
        SubscriptionEvent::MemberOptedIn { version, recipient } => {
            format!("version {version}: {recipient} wants it again")
        }
        SubscriptionEvent::SubscriptionPaused { version, until: end, reason } => {
            format!("version {version}: paused {}: {reason}", until(*end, "until resumed"))
        }
        SubscriptionEvent::SubscriptionResumed { version } => format!("version {version}: resumed"),
        SubscriptionEvent::Unsubscribed { version, reason } => {
            format!("version {version}: ended: {reason}")
        }
    }
}
