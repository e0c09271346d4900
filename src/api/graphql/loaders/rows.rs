use std::collections::HashMap;
use std::hash::Hash;

use async_graphql::dataloader::Loader;
use projections::distributions::OutcomeRow;
use projections::{deliveries, distributions, groups, recipients, reports, subscriptions};
use uuid::Uuid;

use super::Rows;
use crate::clock;
use crate::graphql::fault::Fault;
use crate::graphql::nodes::{
    Address, Delivery, Distribution, Entitlement, Group, Member, Recipient, Report, Subscription,
};

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident($inner:ty)),+ $(,)?) => {
        $($(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(pub $inner);)+
    };
}

keys!(
    /// A delivery by its id.
    DeliveryKey(Uuid),
    /// A distribution by its id.
    DistributionKey(Uuid),
    /// How a distribution's deliveries stand.
    OutcomesOf(Uuid),
    /// A report by its name.
    ReportKey(String),
    /// A recipient by its pseudonym.
    RecipientKey(String),
    /// A recipient's addresses.
    AddressesOf(String),
    /// A recipient's entitlements.
    EntitlementsOf(String),
    /// A group by its name.
    GroupKey(String),
    /// The groups that hold a recipient themselves.
    MembershipsOf(String),
    /// A subscription by its name.
    SubscriptionKey(String),
);

/// Memberships in one answer at most, of all recipients in it together.
const MAX_MEMBERSHIPS: u32 = 10_000;

type Found<K, V> = Result<HashMap<K, V>, Fault>;

impl Loader<DeliveryKey> for Rows {
    type Value = Delivery;
    type Error = Fault;

    async fn load(&self, keys: &[DeliveryKey]) -> Found<DeliveryKey, Delivery> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let rows = deliveries::queries::by_ids(&self.api.reads, self.tenant.as_str(), &ids).await?;
        rows.into_iter().map(|row| Ok((DeliveryKey(row.delivery), row.try_into()?))).collect()
    }
}

impl Loader<DistributionKey> for Rows {
    type Value = Distribution;
    type Error = Fault;

    async fn load(&self, keys: &[DistributionKey]) -> Found<DistributionKey, Distribution> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let rows =
            distributions::queries::by_ids(&self.api.reads, self.tenant.as_str(), &ids).await?;
        rows.into_iter()
            .map(|row| Ok((DistributionKey(row.distribution), row.try_into()?)))
            .collect()
    }
}

impl Loader<OutcomesOf> for Rows {
    type Value = Vec<OutcomeRow>;
    type Error = Fault;

    async fn load(&self, keys: &[OutcomesOf]) -> Found<OutcomesOf, Vec<OutcomeRow>> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let tenant = self.tenant.as_str();
        let rows = distributions::queries::outcomes_of(&self.api.reads, tenant, &ids).await?;
        grouped(rows, |row| OutcomesOf(row.distribution), Ok)
    }
}

impl Loader<ReportKey> for Rows {
    type Value = Report;
    type Error = Fault;

    async fn load(&self, keys: &[ReportKey]) -> Found<ReportKey, Report> {
        let names: Vec<String> = keys.iter().map(|key| key.0.clone()).collect();
        let rows = reports::queries::by_ids(&self.api.reads, self.tenant.as_str(), &names).await?;
        Ok(rows.into_iter().map(|row| (ReportKey(row.report.clone()), row.into())).collect())
    }
}

impl Loader<RecipientKey> for Rows {
    type Value = Recipient;
    type Error = Fault;

    async fn load(&self, keys: &[RecipientKey]) -> Found<RecipientKey, Recipient> {
        let names: Vec<String> = keys.iter().map(|key| key.0.clone()).collect();
        let rows =
            recipients::queries::by_ids(&self.api.reads, self.tenant.as_str(), &names).await?;
        rows.into_iter()
            .map(|row| Ok((RecipientKey(row.recipient.clone()), row.try_into()?)))
            .collect()
    }
}

impl Loader<AddressesOf> for Rows {
    type Value = Vec<Address>;
    type Error = Fault;

    async fn load(&self, keys: &[AddressesOf]) -> Found<AddressesOf, Vec<Address>> {
        let names: Vec<String> = keys.iter().map(|key| key.0.clone()).collect();
        let tenant = self.tenant.as_str();
        let rows = recipients::queries::addresses_of(&self.api.reads, tenant, &names).await?;
        grouped(rows, |row| AddressesOf(row.recipient.clone()), Address::try_from)
    }
}

impl Loader<EntitlementsOf> for Rows {
    type Value = Vec<Entitlement>;
    type Error = Fault;

    async fn load(&self, keys: &[EntitlementsOf]) -> Found<EntitlementsOf, Vec<Entitlement>> {
        let names: Vec<String> = keys.iter().map(|key| key.0.clone()).collect();
        let tenant = self.tenant.as_str();
        let rows = recipients::queries::entitlements_of(&self.api.reads, tenant, &names).await?;
        grouped(rows, |row| EntitlementsOf(row.recipient.clone()), |row| Ok(row.into()))
    }
}

impl Loader<GroupKey> for Rows {
    type Value = Group;
    type Error = Fault;

    async fn load(&self, keys: &[GroupKey]) -> Found<GroupKey, Group> {
        let names: Vec<String> = keys.iter().map(|key| key.0.clone()).collect();
        let rows = groups::queries::by_ids(&self.api.reads, self.tenant.as_str(), &names).await?;
        Ok(rows.into_iter().map(|row| (GroupKey(row.group_id.clone()), row.into())).collect())
    }
}

impl Loader<MembershipsOf> for Rows {
    type Value = Vec<Member>;
    type Error = Fault;

    async fn load(&self, keys: &[MembershipsOf]) -> Found<MembershipsOf, Vec<Member>> {
        let names: Vec<String> = keys.iter().map(|key| key.0.clone()).collect();
        let (pool, tenant) = (&self.api.reads, self.tenant.as_str());
        let rows = groups::queries::holding(pool, tenant, &names, MAX_MEMBERSHIPS).await?;
        grouped(rows, |row| MembershipsOf(row.member.clone()), |row| Ok(row.into()))
    }
}

impl Loader<SubscriptionKey> for Rows {
    type Value = Subscription;
    type Error = Fault;

    async fn load(&self, keys: &[SubscriptionKey]) -> Found<SubscriptionKey, Subscription> {
        let names: Vec<String> = keys.iter().map(|key| key.0.clone()).collect();
        let now = clock::now().to_chrono();
        let tenant = self.tenant.as_str();
        let rows = subscriptions::queries::by_ids(&self.api.reads, tenant, &names, now).await?;
        rows.into_iter()
            .map(|row| Ok((SubscriptionKey(row.subscription.clone()), row.try_into()?)))
            .collect()
    }
}

/// Rows under the key of whom they belong to, in the order they came.
fn grouped<R, K: Eq + Hash, V>(
    rows: Vec<R>,
    key: impl Fn(&R) -> K,
    node: impl Fn(R) -> Result<V, Fault>,
) -> Found<K, Vec<V>> {
    let mut found: HashMap<K, Vec<V>> = HashMap::new();
    for row in rows {
        found.entry(key(&row)).or_default().push(node(row)?);
    }
    Ok(found)
}
