use std::sync::atomic::{AtomicBool, Ordering};

use aggregates::recipient::{Command, Known, Recipient, Rules};
use axum::extract::State;
use schema::{AddressId, ChannelKind, DestinationKey, Invalid, RecipientId, Sealed, StreamId};
use secrecy::{ExposeSecret, SecretString};
use store::AddressChange;

use super::body::{AddressAnswer, AddressBody, MAX_ADDRESS_BYTES, without_value};
use crate::carry_out::{Plan, carry_out, load, replay};
use crate::change::Change;
use crate::error::{ApiError, Code};
use crate::extract::{JsonBody, Path};
use crate::outcome::{Done, answer};
use crate::rest::suppressions::suppress_if_listed;
use crate::sealing::sealed_for;
use crate::state::ApiState;

/// How often an adding is begun anew because the address was added or retired meanwhile.
const MAX_ADDINGS: u32 = 4;

/// Add an address, or change where it leads
///
/// The address is checked by its channel's rules and kept sealed. Adding a webhook answers its signing secret, this
/// once.
#[utoipa::path(
    put, path = "/v1/recipients/{recipient}/addresses/{address}", tag = "recipients",
    params(
        ("recipient" = String, Path, description = "Pseudonym of the recipient"),
        ("address" = String, Path, description = "Name of the address within the recipient, such as `work`"),
    ),
    request_body = AddressBody,
    responses((status = 200, description = "Added, changed, or already so", body = AddressAnswer))
)]
pub async fn put_address(
    State(api): State<ApiState>,
    Path((recipient, address)): Path<(String, String)>,
    change: Change,
    body: JsonBody<AddressBody>,
) -> Result<Done, ApiError> {
    let recipient = RecipientId::try_new(recipient)?;
    let address = AddressId::try_new(address)?;
    let channel = body.value.channel.read()?;
    let digest = change.digest(&api, &body.bytes).await?;
    if let Some(done) = replay(&api, &change, &digest).await? {
        return Ok(done);
    }
    let target = Target { api: &api, change: &change, recipient, address, channel };
    let sealed = target.seal(&body.value.value).await?;
    for _ in 0..MAX_ADDINGS {
        if let Some(done) = target.put(&sealed, &body.bytes).await? {
            return Ok(done);
        }
    }
    let told = format!("{} is changed by too many at once", target.stream());
    Err(ApiError::new(Code::Overloaded, told))
}

struct SealedAddress {
    value: Sealed,
    destination: DestinationKey,
    tag: String,
}

/// A webhook that is about to be added.
struct Adding {
    /// With which revision: its secret's name.
    revision: u32,
    secret: SecretString,
}

struct Target<'a> {
    api: &'a ApiState,
    change: &'a Change,
    recipient: RecipientId,
    address: AddressId,
    channel: ChannelKind,
}

impl Target<'_> {
    fn stream(&self) -> StreamId {
        StreamId::recipient(&self.change.caller.tenant, &self.recipient)
    }

    /// Puts the address there; nothing when it was added or retired by somebody else meanwhile. The secret is shown to
    /// whoever added it, and to nobody else.
    async fn put(&self, sealed: &SealedAddress, body: &[u8]) -> Result<Option<Done>, ApiError> {
        let adding = self.adding(sealed).await?;
        let plan = Plan {
            addresses: vec![AddressChange::Put {
                recipient: self.recipient.clone(),
                address: self.address.clone(),
                tag: sealed.tag.clone(),
            }],
            ..Plan::of(self.stream(), body)
        };
        let has_moved = AtomicBool::new(false);
        let choose = |state: &Recipient| {
            if self.revision_to_add(state) != adding.as_ref().map(|adding| adding.revision) {
                has_moved.store(true, Ordering::Relaxed);
                return Err(ApiError::new(Code::Overloaded, "the address was changed meanwhile"));
            }
            self.command(state, sealed)
        };
        let mut names = answer("recipient", self.recipient.as_str());
        names.insert("address".to_owned(), self.address.as_str().into());
        let done = carry_out::<Rules>(self.api, self.change, plan, choose, |_| names.clone()).await;
        if has_moved.into_inner() {
            return Ok(None);
        }
        let done = done?;
        if self.channel == ChannelKind::Mail {
            let at = (&self.recipient, &self.address);
            suppress_if_listed(self.api, self.change, at, &sealed.tag).await?;
        }
        Ok(Some(done.showing(adding.map(|adding| adding.secret))))
    }

    async fn seal(&self, clear: &SecretString) -> Result<SealedAddress, ApiError> {
        let text = clear.expose_secret();
        if text.len() > MAX_ADDRESS_BYTES {
            let rule = format!("must have at most {MAX_ADDRESS_BYTES} bytes");
            return Err(Invalid::new("value", "***", rule).into());
        }
        let rules = &self.api.address_rules;
        let checked = rules
            .check(self.channel, text)
            .map_err(|invalid| Invalid { field: named(&invalid), ..without_value(&invalid) })?;
        let tenant = &self.change.caller.tenant;
        let vault = &self.api.vault;
        let aad = sealed_for(&self.stream(), &format!("address/{}", self.address));
        let normalised = checked.normalised.expose_secret();
        Ok(SealedAddress {
            value: vault.seal(tenant, &self.recipient, &aad, normalised).await?,
            destination: vault.destination_key(tenant, checked.destination.expose_secret()).await?,
            tag: vault.index_tag(tenant, normalised).await?,
        })
    }

    fn command(&self, state: &Recipient, sealed: &SealedAddress) -> Result<Command, ApiError> {
        let (address, channel) = (self.address.clone(), self.channel);
        let (value, destination) = (sealed.value.clone(), sealed.destination.clone());
        let active = match state {
            Recipient::Active(known) => active_channel(known, &self.address),
            Recipient::Unknown | Recipient::Retired => None,
        };
        match active {
            None => Ok(Command::AddAddress { address, channel, value, destination }),
            Some(known) if known == channel => {
                Ok(Command::ChangeAddress { address, value, destination })
            }
            Some(known) => {
                let rule =
                    format!("must be {known}: an address stays on its channel; add another one");
                Err(Invalid::new("channel", channel.as_str(), rule).into())
            }
        }
    }

    /// A new webhook has its secret before anything can be sent to it. Whoever adds the same one at the same time is
    /// given the same secret, and one that came to nothing is there for the next adding: so none is ever taken away.
    async fn adding(&self, sealed: &SealedAddress) -> Result<Option<Adding>, ApiError> {
        let mut loaded = load::<Rules>(self.api, &self.stream()).await?;
        let Some(revision) = self.revision_to_add(&loaded.state) else { return Ok(None) };
        self.change.if_match.check(loaded.sequence)?;
        let command = self.command(&loaded.state, sealed)?;
        aggregates::run::<Rules>(&mut loaded.state, command)?;
        let name = format!("recipient/{}/address/{}/{revision}", self.recipient, self.address);
        let fresh = self.api.address_rules.generate_secret();
        let tenant = &self.change.caller.tenant;
        let secret = self.api.vault.keep_secret(tenant, &name, &fresh).await?;
        Ok(Some(Adding { revision, secret }))
    }

    /// With which revision a webhook would be added; nothing when there would be none added.
    fn revision_to_add(&self, state: &Recipient) -> Option<u32> {
        let Recipient::Active(known) = state else { return None };
        if self.channel != ChannelKind::Webhook || active_channel(known, &self.address).is_some() {
            return None;
        }
        Some(known.address(&self.address).map_or(1, |before| before.revision.saturating_add(1)))
    }
}

fn active_channel(known: &Known, address: &AddressId) -> Option<ChannelKind> {
    let address = known.address(address)?;
    address.endpoint.as_ref().map(|_| address.channel)
}

/// The field that a channel's rule speaks of: the address, unless it is the channel itself.
fn named(invalid: &Invalid) -> String {
    let field = if invalid.field == "channel" { "channel" } else { "value" };
    field.to_owned()
}
