//! What came back from an address: when it is suppressed, and until when.

use schema::events::SuppressionReason;
use schema::{AddressId, DeliveryId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Address, Event, Known, Refusal};
use crate::form;

/// So many soft bounces of an address are remembered: no rule may ask for more.
pub const MAX_SOFT_BOUNCES_KEPT: usize = 20;

/// Nothing is sent to the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    /// Why.
    pub reason: SuppressionReason,
    /// Until when (exclusive); until it is lifted, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Suppression {
    /// Whether it holds at `now`.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|end| now < end)
    }

    /// Whether it holds at least as long as another that ends at `until`.
    fn outlasts(&self, until: Option<Timestamp>) -> bool {
        match (self.until, until) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(other)) => own >= other,
        }
    }
}

/// What is known of mails to an address that came back, while it leads where it does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Returns {
    /// The last suppression; it may have run out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppression: Option<Suppression>,
    /// Deliveries that came back for a reason that passes, and when that was learned; oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub soft_bounces: Vec<(DeliveryId, Timestamp)>,
}

/// How many soft bounces within which time suppress an address for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoftRule {
    /// So many, 1 to [`MAX_SOFT_BOUNCES_KEPT`].
    pub limit: u32,
    /// Within so many milliseconds.
    pub within_ms: u64,
    /// For so many milliseconds.
    pub for_ms: u64,
}

/// A mail that came back for a reason that passes.
#[derive(Clone, Debug, PartialEq)]
pub struct SoftBounce {
    /// From which address.
    pub address: AddressId,
    /// As it stood when the mail was sent.
    pub revision: u32,
    /// Which delivery.
    pub delivery: DeliveryId,
    /// When that was learned.
    pub at: Timestamp,
    /// What follows of several.
    pub rule: SoftRule,
}

/// What is to be suppressed.
#[derive(Clone, Debug, PartialEq)]
pub struct ToSuppress {
    /// Which address.
    pub address: AddressId,
    /// As it stood when the reason arose: an address that leads elsewhere by now is left alone.
    pub revision: u32,
    /// Why.
    pub reason: SuppressionReason,
    /// Until when (exclusive); until it is lifted, when absent.
    pub until: Option<Timestamp>,
    /// The delivery that came back or was complained of, if one was.
    pub delivery: Option<DeliveryId>,
    /// The time it is asked for.
    pub now: Timestamp,
}

impl Address {
    /// The suppression that holds at `now`.
    #[must_use]
    pub fn suppression(&self, now: Timestamp) -> Option<Suppression> {
        self.returns.as_ref()?.suppression.filter(|suppression| suppression.holds(now))
    }
}

/// The address, if it still leads where it did at `revision`.
fn standing<'k>(
    known: &'k Known,
    address: &AddressId,
    revision: u32,
) -> Result<Option<&'k Address>, Refusal> {
    let missing = || Refusal::NoSuchAddress { address: address.clone() };
    let found = known.address(address).ok_or_else(missing)?;
    Ok(Some(found).filter(|found| found.endpoint.is_some() && found.revision == revision))
}

pub(super) fn suppress(known: &Known, wanted: ToSuppress) -> Result<Vec<Event>, Refusal> {
    let ToSuppress { address, revision, reason, until, delivery, now } = wanted;
    let Some(found) = standing(known, &address, revision)? else { return Ok(vec![]) };
    if found.suppression(now).is_some_and(|known| known.outlasts(until)) {
        return Ok(vec![]);
    }
    Ok(vec![Event::AddressSuppressed { address, revision, reason, until, delivery }])
}

pub(super) fn bounce_softly(known: &Known, bounce: SoftBounce) -> Result<Vec<Event>, Refusal> {
    let SoftBounce { address, revision, delivery, at, rule } = bounce;
    let Some(found) = standing(known, &address, revision)? else { return Ok(vec![]) };
    let before = found.returns.as_ref().map_or(&[][..], |returns| &returns.soft_bounces);
    let told = before.iter().any(|(earlier, _)| *earlier == delivery);
    if told || found.suppression(at).is_some() {
        return Ok(vec![]);
    }
    let since = at.unix_micros() - i64::try_from(rule.within_ms).unwrap_or(i64::MAX / 1000) * 1000;
    let recent = before.iter().filter(|(_, earlier)| earlier.unix_micros() > since).count();
    let mut events =
        vec![Event::AddressBouncedSoftly { address: address.clone(), revision, delivery, at }];
    if recent + 1 >= rule.limit as usize {
        let (reason, until) = (SuppressionReason::RepeatedSoft, Some(at.plus_ms(rule.for_ms)));
        let delivery = Some(delivery);
        events.push(Event::AddressSuppressed { address, revision, reason, until, delivery });
    }
    Ok(events)
}

pub(super) fn lift(
    known: &Known,
    address: AddressId,
    reason: String,
) -> Result<Vec<Event>, Refusal> {
    form::reason(&reason)?;
    let Some(found) = known.address(&address) else {
        return Err(Refusal::NoSuchAddress { address });
    };
    let suppressed = found.returns.as_ref().is_some_and(|returns| returns.suppression.is_some());
    Ok(if suppressed { vec![Event::SuppressionLifted { address, reason }] } else { vec![] })
}

impl Address {
    pub(super) fn came_back_softly(&mut self, delivery: DeliveryId, at: Timestamp) {
        let bounces = &mut self.returns.get_or_insert_default().soft_bounces;
        if bounces.len() >= MAX_SOFT_BOUNCES_KEPT {
            bounces.remove(0);
        }
        bounces.push((delivery, at));
    }

    /// What came back before is settled with it: once it has run out, counting begins anew.
    pub(super) fn suppress(&mut self, suppression: Suppression) {
        let returns = Returns { suppression: Some(suppression), soft_bounces: vec![] };
        self.returns = Some(Box::new(returns));
    }
}
