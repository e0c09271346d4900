use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{
    ApiKeyId, DeliveryId, DistributionId, GroupId, Invalid, RecipientId, ReportName,
    SubscriptionId, TenantId,
};

/// The kinds of streams there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AggregateType {
    /// A tenant, with its pauses.
    Tenant,
    /// An API key.
    ApiKey,
    /// A kind of report.
    Report,
    /// A recipient, with addresses and entitlements.
    Recipient,
    /// Recipients under one name.
    Group,
    /// A subscription.
    Subscription,
    /// One report version and its run.
    Distribution,
    /// One report version to one recipient on one channel.
    Delivery,
}

impl AggregateType {
    /// All kinds, in the order in which one refers to those before it.
    pub const ALL: [Self; 8] = [
        Self::Tenant,
        Self::ApiKey,
        Self::Report,
        Self::Recipient,
        Self::Group,
        Self::Subscription,
        Self::Distribution,
        Self::Delivery,
    ];

    /// Its name in the store and in topics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::ApiKey => "api_key",
            Self::Report => "report",
            Self::Recipient => "recipient",
            Self::Group => "group",
            Self::Subscription => "subscription",
            Self::Distribution => "distribution",
            Self::Delivery => "delivery",
        }
    }
}

impl fmt::Display for AggregateType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AggregateType {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| Invalid::new("aggregate_type", text, "is not one this program knows"))
    }
}

/// One stream of events: an aggregate's whole life. Ids chosen by people are prefixed with their tenant
/// (`acme/bob`), so two tenants never share a stream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// What kind of thing it is.
    pub aggregate_type: AggregateType,
    /// Which one.
    pub aggregate_id: String,
}

impl StreamId {
    fn new(aggregate_type: AggregateType, aggregate_id: String) -> Self {
        Self { aggregate_type, aggregate_id }
    }

    /// The stream of a tenant.
    #[must_use]
    pub fn tenant(tenant: &TenantId) -> Self {
        Self::new(AggregateType::Tenant, tenant.to_string())
    }

    /// The stream of an API key.
    #[must_use]
    pub fn api_key(tenant: &TenantId, key: &ApiKeyId) -> Self {
        Self::new(AggregateType::ApiKey, format!("{tenant}/{key}"))
    }

    /// The stream of a report.
    #[must_use]
    pub fn report(tenant: &TenantId, report: &ReportName) -> Self {
        Self::new(AggregateType::Report, format!("{tenant}/{report}"))
    }

    /// The stream of a recipient.
    #[must_use]
    pub fn recipient(tenant: &TenantId, recipient: &RecipientId) -> Self {
        Self::new(AggregateType::Recipient, format!("{tenant}/{recipient}"))
    }

    /// The stream of a group.
    #[must_use]
    pub fn group(tenant: &TenantId, group: &GroupId) -> Self {
        Self::new(AggregateType::Group, format!("{tenant}/{group}"))
    }

    /// The stream of a subscription.
    #[must_use]
    pub fn subscription(tenant: &TenantId, subscription: &SubscriptionId) -> Self {
        Self::new(AggregateType::Subscription, format!("{tenant}/{subscription}"))
    }

    /// The stream of a distribution.
    #[must_use]
    pub fn distribution(distribution: DistributionId) -> Self {
        Self::new(AggregateType::Distribution, distribution.to_string())
    }

    /// The stream of a delivery.
    #[must_use]
    pub fn delivery(delivery: DeliveryId) -> Self {
        Self::new(AggregateType::Delivery, delivery.to_string())
    }

    /// The id without its tenant prefix: what a person called it.
    #[must_use]
    pub fn local_id(&self) -> &str {
        self.aggregate_id.split_once('/').map_or(&self.aggregate_id, |(_, local)| local)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.aggregate_type, self.aggregate_id)
    }
}
