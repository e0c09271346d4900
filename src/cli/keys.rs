//! `waybill keys`: tenants and their API keys, on the database itself: the first key has no key to be asked for with.

use std::collections::BTreeSet;

use aggregates::api_key::{self, IssuedKey};
use aggregates::decider::Decided;
use aggregates::tenant;
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use projections::PageRequest;
use schema::events::{KeyLimits, Scope};
use schema::{Actor, ApiKeyId, GroupId, Metadata, Position, StreamId, TenantId, Timestamp};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use store::{CommandScope, EarlierTokens, Ledger, Vault};
use tracing::info;

use super::output::{Output, print_done, print_facts, print_rows};
use crate::config::Config;
use crate::{boot, clock};

/// Keys listed, newest first.
const MAX_LISTED: u32 = 1_000;

/// What to do with tenants and keys.
#[derive(Debug, Args)]
pub struct KeysArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Set a tenant up.
    CreateTenant {
        /// Its name in the API.
        tenant: String,
        /// The organisation's name, for people.
        #[arg(long)]
        title: String,
    },
    /// Hand out a key. Its secret is shown once.
    Issue {
        /// Whose data it is for.
        #[arg(long)]
        tenant: String,
        /// What it is for.
        #[arg(long)]
        title: String,
        /// What it may do: publish, subscribe, read, operate, audit.
        #[arg(long, value_delimiter = ',', required = true)]
        scopes: Vec<String>,
        /// When it stops working (RFC 3339); never, when absent.
        #[arg(long)]
        expires_at: Option<String>,
        /// Reports it may subscribe to, by name or how names begin (`sales-*`); all, when absent.
        #[arg(long, value_delimiter = ',')]
        reports: Vec<String>,
        /// Groups it may subscribe, with their members; everyone, when absent.
        #[arg(long, value_delimiter = ',')]
        groups: Vec<String>,
    },
    /// List a tenant's keys.
    List {
        /// Whose.
        #[arg(long)]
        tenant: String,
    },
    /// Wrap all that the vault holds by vault.master_key, which vault.previous_master_keys wrapped so far. May be ended
    /// at any moment and run again; nodes that have both keys go on meanwhile.
    RotateMaster {
        /// Have API keys, links and marks end with the earlier master key: for one that somebody else may know.
        #[arg(long)]
        forget_tokens: bool,
    },
    /// Stop a key from working.
    Revoke {
        /// Whose.
        #[arg(long)]
        tenant: String,
        /// Which: the part between `wb_` and the next `_`.
        key: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

/// Does what was asked for.
pub async fn run(config: &Config, args: KeysArgs, output: Output) -> Result<bool> {
    if let Action::RotateMaster { forget_tokens } = args.action {
        return rotate_master(config, forget_tokens, output).await;
    }
    let ledger = boot::open_ledger(config).await?;
    match args.action {
        Action::RotateMaster { .. } => {}
        Action::CreateTenant { tenant, title } => {
            create_tenant(&ledger, &tenant.parse()?, &title).await?;
            print_facts(output, &[("tenant", tenant.clone())], &json!({ "tenant": tenant }));
        }
        Action::Issue { tenant, title, scopes, expires_at, reports, groups } => {
            let vault = Vault::connect(boot::vault_config(config)).await?;
            let scopes = scopes.iter().map(|word| scope(word)).collect::<Result<_>>()?;
            let expires_at = expires_at.map(|at| at.parse()).transpose()?;
            let groups = groups.iter().map(|group| GroupId::try_new(group.as_str()));
            let groups = groups.collect::<Result<_, _>>()?;
            let limits = KeyLimits { reports: reports.into_iter().collect(), groups };
            let wanted = Wanted { title, scopes, expires_at, limits };
            let key = issue(&ledger, &vault, &tenant.parse()?, wanted).await?;
            let raw = json!({ "tenant": tenant, "key": key });
            print_facts(output, &[("key", key), ("note", "shown once, kept nowhere".into())], &raw);
        }
        Action::List { tenant } => list(&ledger, &tenant.parse()?, output).await?,
        Action::Revoke { tenant, key, reason } => {
            revoke(&ledger, &tenant.parse()?, &key.parse()?, reason).await?;
            let raw = json!({ "tenant": tenant, "key": key, "state": "revoked" });
            print_done(output, &format!("key {key} works no more"), &raw);
        }
    }
    Ok(true)
}

/// The tenant that stands for the installation itself; there already, it stays as it is.
pub async fn create_installation(config: &Config) -> Result<()> {
    let ledger = boot::open_ledger(config).await?;
    create_tenant(&ledger, &"system".parse()?, "This installation").await
}

/// Records that a follower is told to leave out an event.
pub async fn skip_event(
    ledger: &Ledger,
    follower: &str,
    position: Position,
    reason: String,
) -> Result<()> {
    let tenant = "system".parse()?;
    let command = tenant::Command::SkipEvent { follower: follower.to_owned(), position, reason };
    ledger
        .execute::<Decided<tenant::Rules>>(&StreamId::tenant(&tenant), command, by_hand(&tenant))
        .await?;
    Ok(())
}

async fn rotate_master(config: &Config, forget_tokens: bool, output: Output) -> Result<bool> {
    let vault = Vault::connect(boot::vault_config(config)).await?;
    let earlier = if forget_tokens { EarlierTokens::Forgotten } else { EarlierTokens::Kept };
    let row_count =
        vault.rotate_master(earlier, |count| info!("{count} rows wrapped anew")).await?;
    let state = vault.rotation().await?;
    let next = if state.previous_count == 0 {
        "no earlier key is configured"
    } else {
        "start every node with this key as vault.master_key; then `waybill doctor` says whether the earlier ones can \
         be taken out of vault.previous_master_keys"
    };
    let facts = [
        ("master key", state.current.clone()),
        ("wrapped anew", row_count.to_string()),
        ("next", next.to_owned()),
    ];
    let raw = json!({ "master_key": state.current, "wrapped_anew": row_count, "next": next });
    print_facts(output, &facts, &raw);
    Ok(true)
}

/// A tenant and a key that may do everything in it, for a fresh installation.
pub async fn first_key(config: &Config, tenant: &str, title: &str) -> Result<String> {
    let ledger = boot::open_ledger(config).await?;
    let vault = Vault::connect(boot::vault_config(config)).await?;
    let tenant = tenant.parse()?;
    create_tenant(&ledger, &tenant, title).await?;
    let (title, scopes) = (title.to_owned(), Scope::ALL.into());
    let wanted = Wanted { title, scopes, expires_at: None, limits: KeyLimits::default() };
    issue(&ledger, &vault, &tenant, wanted).await
}

fn scope(word: &str) -> Result<Scope> {
    let known = Scope::ALL.into_iter().find(|scope| scope.as_str() == word);
    known.with_context(|| {
        let all = Scope::ALL.map(Scope::as_str).join(", ");
        format!("scopes: {word:?} is none of {all}")
    })
}

/// By whoever sits at the command line.
pub fn by_hand(tenant: &TenantId) -> CommandScope {
    CommandScope::new(Metadata::new(tenant.clone(), Actor::new("cli", "operator")))
}

async fn create_tenant(ledger: &Ledger, tenant: &TenantId, title: &str) -> Result<()> {
    let command = tenant::Command::Create { title: title.to_owned() };
    ledger
        .execute::<Decided<tenant::Rules>>(&StreamId::tenant(tenant), command, by_hand(tenant))
        .await?;
    Ok(())
}

/// A key that is asked for.
struct Wanted {
    title: String,
    scopes: BTreeSet<Scope>,
    expires_at: Option<Timestamp>,
    limits: KeyLimits,
}

async fn issue(
    ledger: &Ledger,
    vault: &Vault,
    tenant: &TenantId,
    wanted: Wanted,
) -> Result<String> {
    if ledger.load_stream(&StreamId::tenant(tenant), 0).await?.is_empty() {
        bail!("there is no tenant {tenant}; create it first: waybill keys create-tenant {tenant}");
    }
    let minted = api::MintedKey::mint(vault)?;
    let Wanted { title, scopes, expires_at, limits } = wanted;
    let issued = IssuedKey { title, secret_hash: minted.secret_hash, scopes, expires_at, limits };
    let stream = StreamId::api_key(tenant, &minted.id);
    let command = api_key::Command::Issue(issued);
    ledger.execute::<Decided<api_key::Rules>>(&stream, command, by_hand(tenant)).await?;
    Ok(minted.whole.expose_secret().to_owned())
}

async fn list(ledger: &Ledger, tenant: &TenantId, output: Output) -> Result<()> {
    let newest = PageRequest::first(MAX_LISTED);
    let keys =
        projections::tenants::queries::api_keys(ledger.pool(), tenant.as_str(), &newest).await?;
    let now = clock::now().to_chrono();
    let (mut rows, mut raw) = (Vec::new(), Vec::new());
    for edge in &keys.edges {
        let key = &edge.row;
        let state = match (key.revoked_at, key.expires_at) {
            (Some(_), _) => "revoked",
            (None, Some(end)) if end <= now => "expired",
            (None, _) => "works",
        };
        let until = key.expires_at.map(|at| at.to_rfc3339());
        raw.push(json!({
            "key": key.api_key, "title": key.title, "state": state, "expires_at": until,
        }));
        let until = until.unwrap_or_default();
        rows.push(vec![key.api_key.clone(), key.title.clone(), state.to_owned(), until]);
    }
    let raw = Value::Array(raw);
    print_rows(output, &["key", "title", "state", "expires at"], rows, &raw);
    Ok(())
}

async fn revoke(ledger: &Ledger, tenant: &TenantId, key: &ApiKeyId, reason: String) -> Result<()> {
    let command = api_key::Command::Revoke { reason };
    let stream = StreamId::api_key(tenant, key);
    ledger.execute::<Decided<api_key::Rules>>(&stream, command, by_hand(tenant)).await?;
    Ok(())
}
