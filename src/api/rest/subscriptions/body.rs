use std::collections::BTreeMap;

use aggregates::subscription::Wish;
use chrono::{DateTime, Utc};
use projections::subscriptions::{SubscriptionRow, SubscriptionState};
use schema::{
    Addressee, AttributeValue, ChannelKind, Format, GroupId, Invalid, Preferences, RecipientId,
    ReportSelector, Selector, TenantId, Timing,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::timing::TimingBody;
use crate::error::ApiError;
use crate::known;
use crate::rest::plain::PlainValue;
use crate::rest::words::{ChannelWord, FormatWord};
use crate::state::ApiState;

/// Which report versions.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SelectorBody {
    /// Which report; `*` for all.
    #[schema(example = "market-risk-daily")]
    report: String,
    /// Attribute → the values it may have. A missing attribute never matches.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, Vec<PlainValue>>)]
    attributes: BTreeMap<String, Vec<AttributeValue>>,
}

/// How a subscription wants its reports.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreferencesBody {
    /// Channels in order; the first for which the recipient has an active address is used.
    channels: Vec<ChannelWord>,
    /// Formats in order; the first that the version has is sent. Empty: all of the version's artifacts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    formats: Vec<FormatWord>,
    /// Seconds from receipt of the version until it is no longer worth sending; the report's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 7_776_000)]
    deadline_s: Option<u32>,
    /// When, by the clocks of the recipient's zone; at once, at any time, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timing: Option<TimingBody>,
}

/// What a subscription says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionBody {
    /// Who gets it; `group` instead, where the members of a group do. Never changes within a subscription.
    #[serde(default)]
    recipient: Option<String>,
    /// Whose members get it: whoever is one when a version is planned.
    #[serde(default)]
    group: Option<String>,
    /// Which report versions.
    selector: SelectorBody,
    /// How.
    preferences: PreferencesBody,
}

impl SubscriptionBody {
    /// What it says, once every name in it is known to stand for something.
    ///
    /// # Errors
    /// [`Invalid`] naming field, value and rule.
    pub(in crate::rest) async fn checked(
        self,
        api: &ApiState,
        tenant: &TenantId,
    ) -> Result<Wish, ApiError> {
        let subscriber = subscriber(self.recipient, self.group)?;
        let selector = self.selector.read().map_err(|invalid| invalid.within("selector"))?;
        let preferences =
            self.preferences.read().map_err(|invalid| invalid.within("preferences"))?;
        match &subscriber {
            Addressee::Recipient(id) => known::recipient(api, tenant, "recipient", id).await?,
            Addressee::Group(id) => known::group(api, tenant, "group", id).await?,
        }
        known::report(api, tenant, "selector.report", &selector.report).await?;
        if let Some(calendar) = &preferences.timing.calendar {
            known::calendar(api, tenant, "preferences.timing.calendar", calendar).await?;
        }
        Ok(Wish { subscriber, selector, preferences })
    }
}

fn subscriber(recipient: Option<String>, group: Option<String>) -> Result<Addressee, Invalid> {
    match (recipient, group) {
        (Some(recipient), None) => Ok(Addressee::Recipient(RecipientId::try_new(recipient)?)),
        (None, Some(group)) => Ok(Addressee::Group(GroupId::try_new(group)?)),
        (None, None) => Err(Invalid::new("recipient", "", "must be given, or group instead of it")),
        (Some(_), Some(group)) => {
            Err(Invalid::new("group", &group, "must not be given beside recipient: one of the two"))
        }
    }
}

impl SelectorBody {
    fn read(self) -> Result<Selector, Invalid> {
        Ok(Selector { report: ReportSelector::try_from(self.report)?, attributes: self.attributes })
    }
}

impl PreferencesBody {
    fn read(self) -> Result<Preferences, Invalid> {
        Ok(Preferences {
            channels: self.channels.iter().map(ChannelWord::read).collect::<Result<_, _>>()?,
            formats: self.formats.iter().map(FormatWord::read).collect::<Result<_, _>>()?,
            deadline_s: self.deadline_s,
            timing: match self.timing {
                Some(timing) => timing.read().map_err(|invalid| invalid.within("timing"))?,
                None => Timing::default(),
            },
        })
    }
}

/// A subscription, as the read model has it.
#[derive(Debug, Serialize, ToSchema)]
pub struct SubscriptionView {
    /// Its id.
    subscription: String,
    /// Who gets it, unless it is a group's.
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<String>,
    /// Whose members get it, where it is a group's.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    /// How many of the group want none of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    opted_out: Option<i64>,
    /// Which report versions.
    selector: SelectorBody,
    /// How.
    preferences: PreferencesBody,
    /// Counts what it said, from 1: decisions name it.
    version: i64,
    /// Whether it holds now: `active`, `paused` or `ended`.
    #[schema(example = "active")]
    state: &'static str,
    /// Until when it holds back (exclusive).
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_until: Option<DateTime<Utc>>,
    /// Why it was paused or ended last.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Since when.
    subscribed_at: DateTime<Utc>,
    /// When it last changed.
    changed_at: DateTime<Utc>,
    /// The state it is in: the ETag's number.
    sequence: i64,
}

impl From<SubscriptionRow> for SubscriptionView {
    fn from(row: SubscriptionRow) -> Self {
        let (selector, preferences) = (row.selector.0, row.preferences.0);
        Self {
            subscription: row.subscription,
            recipient: row.recipient,
            group: row.group_id,
            opted_out: row.opted_out,
            selector: SelectorBody {
                report: selector.report.to_string(),
                attributes: selector.attributes,
            },
            preferences: PreferencesBody {
                channels: preferences.channels.into_iter().map(channel_word).collect(),
                formats: preferences.formats.into_iter().map(format_word).collect(),
                deadline_s: preferences.deadline_s,
                timing: TimingBody::of(&preferences.timing),
            },
            version: row.version,
            state: state_word(row.state),
            paused_until: row.paused_until,
            reason: row.reason,
            subscribed_at: row.subscribed_at,
            changed_at: row.changed_at,
            sequence: row.sequence,
        }
    }
}

fn channel_word(channel: ChannelKind) -> ChannelWord {
    ChannelWord(channel.to_string())
}

fn format_word(format: Format) -> FormatWord {
    FormatWord(format.to_string())
}

const fn state_word(state: SubscriptionState) -> &'static str {
    match state {
        SubscriptionState::Active => "active",
        SubscriptionState::Paused => "paused",
        SubscriptionState::Ended => "ended",
    }
}
