use async_graphql::{ComplexObject, Context, ID, InputObject, SimpleObject};
use projections::recipients::{AddressRow, EntitlementRow, RecipientRow, queries};
use schema::{Position, RecipientId, StreamId, TenantId};

use super::{Member, Personal};
use crate::graphql::fault::Fault;
use crate::graphql::loaders::{AddressesOf, EntitlementsOf, MembershipsOf, SealedKey};
use crate::graphql::scalars::{Count, Instant, LogPosition};
use crate::graphql::session::Session;
use crate::graphql::words::{Channel, RecipientKind};

/// A person, team or system, by a pseudonym.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Recipient {
    /// Its pseudonym.
    pub id: ID,
    /// What kind.
    pub kind: RecipientKind,
    /// Its name for greetings.
    pub name: Option<Personal>,
    /// BCP 47 language tag.
    pub locale: String,
    /// IANA time zone.
    pub zone: String,
    /// When it was made known.
    pub registered_at: Instant,
    /// When its profile last changed.
    pub changed_at: Instant,
    /// When it was retired, if it was.
    pub retired_at: Option<Instant>,
    /// Why.
    pub retire_reason: Option<String>,
    /// By which event it came.
    pub position: LogPosition,
    /// Last sequence of its stream: what If-Match of the REST API compares.
    pub sequence: Count,
}

#[ComplexObject]
impl Recipient {
    /// Where it is reached, retired addresses included.
    #[graphql(complexity = "2 + 3 * child_complexity")]
    async fn addresses(&self, ctx: &Context<'_>) -> Result<Vec<Address>, Fault> {
        let found = Session::of(ctx)?.rows().load_one(AddressesOf(self.id.to_string())).await?;
        Ok(found.unwrap_or_default())
    }

    /// The groups that hold it themselves and are not retired, as it came to them.
    #[graphql(complexity = "2 + 5 * child_complexity")]
    async fn groups(&self, ctx: &Context<'_>) -> Result<Vec<Member>, Fault> {
        let found = Session::of(ctx)?.rows().load_one(MembershipsOf(self.id.to_string())).await?;
        Ok(found.unwrap_or_default())
    }

    /// What it may have, ended and revoked grants included.
    #[graphql(complexity = "2 + 5 * child_complexity")]
    async fn entitlements(&self, ctx: &Context<'_>) -> Result<Vec<Entitlement>, Fault> {
        let found = Session::of(ctx)?.rows().load_one(EntitlementsOf(self.id.to_string())).await?;
        Ok(found.unwrap_or_default())
    }
}

impl TryFrom<RecipientRow> for Recipient {
    type Error = Fault;

    fn try_from(row: RecipientRow) -> Result<Self, Fault> {
        let subject = subject(&row.recipient)?;
        let stream = stream(&row.tenant, &subject)?;
        let name = row.name.map(|name| Personal(SealedKey::new(subject, &stream, "name", name.0)));
        Ok(Self {
            id: row.recipient.into(),
            kind: RecipientKind::read(&row.kind)?,
            name,
            locale: row.locale,
            zone: row.zone,
            registered_at: row.registered_at.into(),
            changed_at: row.changed_at.into(),
            retired_at: row.retired_at.map(Into::into),
            retire_reason: row.retire_reason,
            position: LogPosition(Position(row.position)),
            sequence: Count(row.sequence),
        })
    }
}

fn subject(recipient: &str) -> Result<RecipientId, Fault> {
    RecipientId::try_new(recipient).map_err(|_| Fault::internal("a row names no recipient"))
}

fn stream(tenant: &str, recipient: &RecipientId) -> Result<StreamId, Fault> {
    let tenant = TenantId::try_new(tenant).map_err(|_| Fault::internal("a row names no tenant"))?;
    Ok(StreamId::recipient(&tenant, recipient))
}

/// Where a recipient is reached on one channel.
#[derive(Clone, Debug, SimpleObject)]
pub struct Address {
    /// Its name within the recipient.
    pub id: ID,
    /// On which channel.
    pub channel: Channel,
    /// Mail address or URL.
    pub value: Personal,
    /// Where sends end up, as a pseudonym.
    pub destination: ID,
    /// Counts its values, from 1; attempts name the one they used.
    pub revision: Count,
    /// When it was added (last, if it had been retired).
    pub added_at: Instant,
    /// When its value last changed.
    pub changed_at: Instant,
    /// When it was retired, if it is.
    pub retired_at: Option<Instant>,
    /// `requested` or `gone`.
    pub retire_reason: Option<String>,
    /// By which event it was added.
    pub position: LogPosition,
}

impl TryFrom<AddressRow> for Address {
    type Error = Fault;

    fn try_from(row: AddressRow) -> Result<Self, Fault> {
        let subject = subject(&row.recipient)?;
        let stream = stream(&row.tenant, &subject)?;
        let field = format!("address/{}", row.address);
        Ok(Self {
            id: row.address.into(),
            channel: Channel::read(&row.channel)?,
            value: Personal(SealedKey::new(subject, &stream, &field, row.value.0)),
            destination: row.destination.into(),
            revision: Count(row.revision),
            added_at: row.added_at.into(),
            changed_at: row.changed_at.into(),
            retired_at: row.retired_at.map(Into::into),
            retire_reason: row.retire_reason,
            position: LogPosition(Position(row.position)),
        })
    }
}

/// An entitlement: who may have what, by whose grant, until when.
#[derive(Clone, Debug, SimpleObject)]
pub struct Entitlement {
    /// The grant's name within the recipient.
    pub grant: ID,
    /// Which report; `*` for all.
    pub report: String,
    /// Until when (exclusive); for good, when absent.
    pub until: Option<Instant>,
    /// Who granted it.
    pub granted_by: String,
    /// When.
    pub granted_at: Instant,
    /// Who revoked it, if someone did.
    pub revoked_by: Option<String>,
    /// When.
    pub revoked_at: Option<Instant>,
    /// Why.
    pub revoke_reason: Option<String>,
    /// By which event it was granted.
    pub position: LogPosition,
}

impl From<EntitlementRow> for Entitlement {
    fn from(row: EntitlementRow) -> Self {
        Self {
            grant: row.grant_id.into(),
            report: row.report,
            until: row.until.map(Into::into),
            granted_by: row.granted_by,
            granted_at: row.granted_at.into(),
            revoked_by: row.revoked_by,
            revoked_at: row.revoked_at.map(Into::into),
            revoke_reason: row.revoke_reason,
            position: LogPosition(Position(row.position)),
        }
    }
}

/// Which recipients.
#[derive(Clone, Debug, Default, InputObject)]
pub struct RecipientFilter {
    /// Only of this kind.
    pub kind: Option<RecipientKind>,
    /// Retired ones, or those that are not.
    pub retired: Option<bool>,
    /// Only those with an active address on this channel.
    pub channel: Option<Channel>,
    /// Only those with an active address that ends up here.
    pub destination: Option<ID>,
}

impl RecipientFilter {
    /// The same question of one tenant's read model.
    #[must_use]
    pub fn of(self, tenant: &TenantId) -> queries::RecipientFilter {
        queries::RecipientFilter {
            tenant: tenant.to_string(),
            kind: self.kind.map(|kind| kind.as_str().to_owned()),
            retired: self.retired,
            channel: self.channel.map(|channel| channel.as_str().to_owned()),
            destination: self.destination.map(|destination| destination.0),
        }
    }
}
