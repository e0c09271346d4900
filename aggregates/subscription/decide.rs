use schema::events::SubscriptionBody;
use schema::{Invalid, RecipientId, Timestamp};

use super::{Command, Event, Refusal, Rules, Subscription};
use crate::decider::Decider;
use crate::form;

impl Decider for Rules {
    type State = Subscription;
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(subscription: &Subscription, command: Command) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Subscribe(body) => subscribe(subscription, body),
            Command::Change(body) => change(subscription, body),
            Command::Pause { until, reason, now } => pause(subscription, until, reason, now),
            Command::Resume => resume(subscription),
            Command::Unsubscribe { reason } => unsubscribe(subscription, reason),
        }
    }

    fn evolve(subscription: &mut Subscription, event: &Event) {
        subscription.evolve(event);
    }
}

fn subscribe(subscription: &Subscription, body: SubscriptionBody) -> Result<Vec<Event>, Refusal> {
    match subscription {
        Subscription::Unknown => {}
        Subscription::Active { body: known, .. } | Subscription::Paused { body: known, .. }
            if *known == body =>
        {
            return Ok(vec![]);
        }
        Subscription::Active { version, .. } | Subscription::Paused { version, .. } => {
            return Err(Refusal::AlreadySubscribed { version: *version });
        }
        Subscription::Ended { recipient, .. } => same_recipient(recipient, &body)?,
    }
    well_formed(&body)?;
    Ok(vec![Event::Subscribed { version: next_version(subscription), body }])
}

fn change(subscription: &Subscription, body: SubscriptionBody) -> Result<Vec<Event>, Refusal> {
    let known = holding(subscription)?;
    if *known == body {
        return Ok(vec![]);
    }
    same_recipient(&known.recipient, &body)?;
    well_formed(&body)?;
    Ok(vec![Event::SubscriptionChanged { version: next_version(subscription), body }])
}

fn pause(
    subscription: &Subscription,
    until: Option<Timestamp>,
    reason: String,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    holding(subscription)?;
    form::reason(&reason)?;
    if let Subscription::Paused { until: known, .. } = subscription
        && *known == until
    {
        return Ok(vec![]);
    }
    if let Some(until) = until.filter(|until| *until <= now) {
        return Err(Refusal::PauseInPast { until, now });
    }
    Ok(vec![Event::SubscriptionPaused { version: next_version(subscription), until, reason }])
}

fn resume(subscription: &Subscription) -> Result<Vec<Event>, Refusal> {
    match subscription {
        Subscription::Unknown | Subscription::Ended { .. } => holding(subscription).map(|_| vec![]),
        Subscription::Active { .. } => Ok(vec![]),
        Subscription::Paused { .. } => {
            Ok(vec![Event::SubscriptionResumed { version: next_version(subscription) }])
        }
    }
}

fn unsubscribe(subscription: &Subscription, reason: String) -> Result<Vec<Event>, Refusal> {
    match subscription {
        Subscription::Unknown => Err(Refusal::NotSubscribed),
        Subscription::Active { .. } | Subscription::Paused { .. } => {
            form::reason(&reason)?;
            Ok(vec![Event::Unsubscribed { version: next_version(subscription), reason }])
        }
        Subscription::Ended { .. } => Ok(vec![]),
    }
}

const fn next_version(subscription: &Subscription) -> u32 {
    subscription.version().saturating_add(1)
}

fn holding(subscription: &Subscription) -> Result<&SubscriptionBody, Refusal> {
    match subscription {
        Subscription::Unknown => Err(Refusal::NotSubscribed),
        Subscription::Active { body, .. } | Subscription::Paused { body, .. } => Ok(body),
        Subscription::Ended { version, .. } => Err(Refusal::Ended { version: *version }),
    }
}

fn same_recipient(recipient: &RecipientId, body: &SubscriptionBody) -> Result<(), Refusal> {
    if *recipient == body.recipient {
        return Ok(());
    }
    let (recipient, wanted) = (recipient.clone(), body.recipient.clone());
    Err(Refusal::RecipientDiffers { recipient, wanted })
}

fn well_formed(body: &SubscriptionBody) -> Result<(), Invalid> {
    form::selector(&body.selector)?;
    form::preferences(&body.preferences)
}
