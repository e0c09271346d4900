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
use crate::sealing::sealed_for;
use crate::state::ApiState;

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
    if let Some(done) = replay(&api, &change, &change.digest(&body.bytes)).await? {
        return Ok(done);
    }
    let target = Target { api: &api, change: &change, recipient, address, channel };
    let sealed = target.seal(&body.value.value).await?;
    let secret = target.fresh_secret().await?;
    let plan = Plan {
        addresses: vec![AddressChange::Put {
            recipient: target.recipient.clone(),
            address: target.address.clone(),
            tag: sealed.tag.clone(),
        }],
        ..Plan::of(target.stream(), &body.bytes)
    };
    let choose = |state: &Recipient| target.command(state, &sealed);
    let mut names = answer("recipient", target.recipient.as_str());
    names.insert("address".to_owned(), target.address.as_str().into());
    let done = carry_out::<Rules>(&api, &change, plan, choose, |_| names.clone()).await;
    if done.is_err() && secret.is_some() {
        target.forget_secret().await;
    }
    Ok(done?.showing(secret))
}

struct SealedAddress {
    value: Sealed,
    destination: DestinationKey,
    tag: String,
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

    fn secret_name(&self) -> String {
        format!("recipient/{}/address/{}", self.recipient, self.address)
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
            .map_err(|invalid| Invalid { field: "value".to_owned(), ..without_value(&invalid) })?;
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

    /// A new webhook gets its secret before anything can be sent to it.
    async fn fresh_secret(&self) -> Result<Option<SecretString>, ApiError> {
        if self.channel != ChannelKind::Webhook {
            return Ok(None);
        }
        let loaded = load::<Rules>(self.api, &self.stream()).await?;
        let Recipient::Active(known) = &loaded.state else { return Ok(None) };
        if active_channel(known, &self.address).is_some() {
            return Ok(None);
        }
        self.change.if_match.check(loaded.sequence)?;
        let secret = self.api.address_rules.generate_secret();
        let tenant = &self.change.caller.tenant;
        self.api.vault.put_secret(tenant, &self.secret_name(), &secret).await?;
        Ok(Some(secret))
    }

    async fn forget_secret(&self) {
        let tenant = &self.change.caller.tenant;
        if let Err(error) = self.api.vault.delete_secret(tenant, &self.secret_name()).await {
            let ApiError { code, .. } = ApiError::from(error);
            tracing::warn!(
                code = Code::as_str(code),
                "a webhook secret nobody uses stays in the vault"
            );
        }
    }
}

fn active_channel(known: &Known, address: &AddressId) -> Option<ChannelKind> {
    let address = known.address(address)?;
    address.endpoint.as_ref().map(|_| address.channel)
}
