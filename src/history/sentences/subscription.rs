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
        SubscriptionEvent::SubscriptionPaused { version, until: end, reason } => {
            format!("version {version}: paused {}: {reason}", until(*end, "until resumed"))
        }
        SubscriptionEvent::SubscriptionResumed { version } => format!("version {version}: resumed"),
        SubscriptionEvent::Unsubscribed { version, reason } => {
            format!("version {version}: ended: {reason}")
        }
    }
}
