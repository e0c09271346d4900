use chrono::{DateTime, Utc};
use schema::Sealed;
use serde::Serialize;
use sqlx::FromRow;
use sqlx::types::Json;

use crate::entity::Entity;

/// A recipient.
#[derive(Clone, Debug, PartialEq, Serialize, FromRow)]
pub struct RecipientRow {
    /// Whose.
    pub tenant: String,
    /// Its pseudonym.
    pub recipient: String,
    /// `person`, `team` or `system`.
    pub kind: String,
    /// Its name, sealed; AAD field `name` of its stream.
    pub name: Option<Json<Sealed>>,
    /// BCP 47 language tag.
    pub locale: String,
    /// IANA zone.
    pub zone: String,
    /// When it was made known.
    pub registered_at: DateTime<Utc>,
    /// When its profile last changed.
    pub changed_at: DateTime<Utc>,
    /// When it was retired, if it was.
    pub retired_at: Option<DateTime<Utc>>,
    /// Why.
    pub retire_reason: Option<String>,
    /// By which event it came: its place in the list.
    pub position: i64,
    /// Last sequence of its stream, whatever of it changed: what If-Match compares.
    pub sequence: i64,
}

impl Entity for RecipientRow {
    const LOAD: &'static str = "
        select r.* from recipients r
        join unnest($1::text[], $2::text[]) as wanted (tenant, recipient)
            on r.tenant = wanted.tenant and r.recipient = wanted.recipient";
    const STORE: &'static str = "
        insert into recipients select * from jsonb_populate_recordset(null::recipients, $1::jsonb)
        on conflict (tenant, recipient) do update
        set kind = excluded.kind, name = excluded.name, locale = excluded.locale,
            zone = excluded.zone, registered_at = excluded.registered_at,
            changed_at = excluded.changed_at, retired_at = excluded.retired_at,
            retire_reason = excluded.retire_reason, position = excluded.position,
            sequence = excluded.sequence";

    fn key(&self) -> String {
        format!("{}/{}", self.tenant, self.recipient)
    }
}

/// An address of a recipient.
#[derive(Clone, Debug, PartialEq, Serialize, FromRow)]
pub struct AddressRow {
    /// Whose.
    pub tenant: String,
    /// Whose.
    pub recipient: String,
    /// Its name within the recipient.
    pub address: String,
    /// On which channel ([`schema::ChannelKind`]'s name).
    pub channel: String,
    /// Mail address or URL, sealed; AAD field `address/<address>` of the recipient's stream.
    pub value: Json<Sealed>,
    /// Where sends end up, as a pseudonym.
    pub destination: String,
    /// Counts its values, from 1.
    pub revision: i64,
    /// When it was added (last, if it had been retired).
    pub added_at: DateTime<Utc>,
    /// When its value last changed.
    pub changed_at: DateTime<Utc>,
    /// When it was retired, if it is.
    pub retired_at: Option<DateTime<Utc>>,
    /// `requested` or `gone`.
    pub retire_reason: Option<String>,
    /// By which event it was added.
    pub position: i64,
}

impl Entity for AddressRow {
    const LOAD: &'static str = "
        select a.* from addresses a
        join unnest($1::text[], $2::text[]) as wanted (tenant, recipient)
            on a.tenant = wanted.tenant and a.recipient = wanted.recipient";
    const STORE: &'static str = "
        insert into addresses select * from jsonb_populate_recordset(null::addresses, $1::jsonb)
        on conflict (tenant, recipient, address) do update
        set channel = excluded.channel, value = excluded.value, destination = excluded.destination,
            revision = excluded.revision, added_at = excluded.added_at,
            changed_at = excluded.changed_at, retired_at = excluded.retired_at,
            retire_reason = excluded.retire_reason, position = excluded.position";

    fn key(&self) -> String {
        format!("{}/{}/{}", self.tenant, self.recipient, self.address)
    }
}

/// An entitlement: who may have what, by whose grant, until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, FromRow)]
pub struct EntitlementRow {
    /// Whose.
    pub tenant: String,
    /// Who may have it.
    pub recipient: String,
    /// The grant's name within the recipient.
    pub grant_id: String,
    /// Which report; `*` for all.
    pub report: String,
    /// Until when (exclusive); for good, when absent.
    pub until: Option<DateTime<Utc>>,
    /// Who granted it.
    pub granted_by: String,
    /// When.
    pub granted_at: DateTime<Utc>,
    /// Who revoked it, if someone did.
    pub revoked_by: Option<String>,
    /// When.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Why.
    pub revoke_reason: Option<String>,
    /// By which event it was granted: its place in the list.
    pub position: i64,
}

impl Entity for EntitlementRow {
    const LOAD: &'static str = "
        select e.* from entitlements e
        join unnest($1::text[], $2::text[]) as wanted (tenant, recipient)
            on e.tenant = wanted.tenant and e.recipient = wanted.recipient";
    const STORE: &'static str = "
        insert into entitlements
        select * from jsonb_populate_recordset(null::entitlements, $1::jsonb)
        on conflict (tenant, recipient, grant_id) do update
        set report = excluded.report, until = excluded.until, granted_by = excluded.granted_by,
            granted_at = excluded.granted_at, revoked_by = excluded.revoked_by,
            revoked_at = excluded.revoked_at, revoke_reason = excluded.revoke_reason,
            position = excluded.position";

    fn key(&self) -> String {
        format!("{}/{}/{}", self.tenant, self.recipient, self.grant_id)
    }
}
