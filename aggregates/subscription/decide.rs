use schema::events::{GroupSubscriptionBody, SubscriptionBody};
use schema::{Addressee, Invalid, RecipientId, Timestamp};

use super::{Command, Event, Refusal, Rules, Subscription, Wish};
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
            Command::OptOut { recipient, reason } => opt_out(subscription, recipient, reason),
            Command::OptIn { recipient } => opt_in(subscription, recipient),
            Command::Pause { until, reason, now } => pause(subscription, until, reason, now),
            Command::Resume => resume(subscription),
            Command::Unsubscribe { reason } => unsubscribe(subscription, reason),
        }
    }

    fn evolve(subscription: &mut Subscription, event: &Event) {
        subscription.evolve(event);
    }
}

fn subscribe(subscription: &Subscription, body: Wish) -> Result<Vec<Event>, Refusal> {
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
        Subscription::Ended { subscriber, .. } => same_subscriber(subscriber, &body)?,
    }
    well_formed(&body)?;
    let version = next_version(subscription);
    let Wish { subscriber, selector, preferences } = body;
    Ok(vec![match subscriber {
        Addressee::Recipient(recipient) => {
            let body = SubscriptionBody { recipient, selector, preferences };
            Event::Subscribed { version, body }
        }
        Addressee::Group(group) => {
            let body = GroupSubscriptionBody { group, selector, preferences };
            Event::GroupSubscribed { version, body }
        }
    }])
}

fn change(subscription: &Subscription, body: Wish) -> Result<Vec<Event>, Refusal> {
    let known = holding(subscription)?;
    if *known == body {
        return Ok(vec![]);
    }
    same_subscriber(&known.subscriber, &body)?;
    well_formed(&body)?;
    let version = next_version(subscription);
    let Wish { subscriber, selector, preferences } = body;
    Ok(vec![match subscriber {
        Addressee::Recipient(recipient) => {
            let body = SubscriptionBody { recipient, selector, preferences };
            Event::SubscriptionChanged { version, body }
        }
        Addressee::Group(group) => {
            let body = GroupSubscriptionBody { group, selector, preferences };
            Event::GroupSubscriptionChanged { version, body }
        }
    }])
}

/// Also of one that has ended: it may begin again.
fn opt_out(
    subscription: &Subscription,
    recipient: RecipientId,
    reason: String,
) -> Result<Vec<Event>, Refusal> {
    of_a_group(subscription)?;
    if subscription.has_opted_out(&recipient) {
        return Ok(vec![]);
    }
    form::reason(&reason)?;
    let version = next_version(subscription);
    Ok(vec![Event::MemberOptedOut { version, recipient, reason }])
}

fn opt_in(subscription: &Subscription, recipient: RecipientId) -> Result<Vec<Event>, Refusal> {
    of_a_group(subscription)?;
    if !subscription.has_opted_out(&recipient) {
        return Ok(vec![]);
    }
    Ok(vec![Event::MemberOptedIn { version: next_version(subscription), recipient }])
}

fn of_a_group(subscription: &Subscription) -> Result<(), Refusal> {
    let subscriber = subscription.subscriber().ok_or(Refusal::NotSubscribed)?;
    match subscriber {
        Addressee::Group(_) => Ok(()),
        Addressee::Recipient(_) => Err(Refusal::NotOfGroup { subscriber: subscriber.clone() }),
    }
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

fn holding(subscription: &Subscription) -> Result<&Wish, Refusal> {
    match subscription {
        Subscription::Unknown => Err(Refusal::NotSubscribed),
        Subscription::Active { body, .. } | Subscription::Paused { body, .. } => Ok(body),
        Subscription::Ended { version, .. } => Err(Refusal::Ended { version: *version }),
    }
}

fn same_subscriber(subscriber: &Addressee, body: &Wish) -> Result<(), Refusal> {
    if *subscriber == body.subscriber {
        return Ok(());
    }
    let (subscriber, wanted) = (subscriber.clone(), body.subscriber.clone());
    Err(Refusal::SubscriberDiffers { subscriber, wanted })
}

fn well_formed(body: &Wish) -> Result<(), Invalid> {
    form::selector(&body.selector)?;
    form::preferences(&body.preferences)
}
