use std::collections::BTreeMap;
use std::sync::PoisonError;

use aggregates::subscription::{Command, Rules, Subscription, Wish};
use schema::{
    Addressee, ChannelKind, Metadata, Preferences, ReportName, ReportSelector, Selector, Sha256,
    StreamId, SubscriptionId, Timing,
};

use super::look::Visitor;
use crate::carry_out::decide;
use crate::clock::now;
use crate::error::{ApiError, Code};
use crate::state::ApiState;

/// Subscribes a recipient to a report that is open to it, by mail where it has an address, else in its inbox. Asked
/// twice it is one subscription: its name follows from who and what.
pub(super) async fn begin(
    api: &ApiState,
    visitor: &Visitor,
    report: &ReportName,
    metadata: &Metadata,
) -> Result<&'static str, ApiError> {
    check(api, visitor, report)?;
    let link = &visitor.link;
    let by_mail = visitor.known.active(ChannelKind::Mail).next().is_some();
    let channel = if by_mail { ChannelKind::Mail } else { ChannelKind::Inbox };
    let named = ReportSelector::Named(report.clone());
    let wish = Wish {
        subscriber: Addressee::Recipient(link.recipient.clone()),
        selector: Selector { report: named, attributes: BTreeMap::new() },
        preferences: Preferences {
            channels: vec![channel],
            formats: vec![],
            deadline_s: None,
            timing: Timing::default(),
        },
    };
    let digest = Sha256::of(format!("{}/{report}", link.recipient).as_bytes()).to_string();
    let id = SubscriptionId::try_new(format!("self-{}", digest.get(..32).unwrap_or(&digest)))?;
    let stream = StreamId::subscription(&link.tenant, &id);
    decide::<Rules>(api, &stream, "your page", |_: &Subscription| {
        Some((Command::Subscribe(wish.clone()), metadata.clone()))
    })
    .await?;
    Ok("You are subscribed: the next version is sent to you.")
}

fn check(api: &ApiState, visitor: &Visitor, report: &ReportName) -> Result<(), ApiError> {
    let link = &visitor.link;
    let index = api.routing.read().unwrap_or_else(PoisonError::into_inner);
    let open = index.open_to(&link.tenant, &visitor.known, now());
    if !open.iter().any(|(name, _)| *name == report) {
        return Err(ApiError::new(Code::NotFound, "There is no such report that is open to you."));
    }
    let own = index.own(&link.tenant, &link.recipient);
    if own.iter().any(|own| own.speaks_of(report)) {
        return Err(ApiError::new(Code::Refused, "You have a subscription to it already."));
    }
    Ok(())
}
