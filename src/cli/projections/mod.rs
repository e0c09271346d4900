//! `waybill projections`: how the read models stand; one folded anew, put in place, taken back; an event left out.

mod rebuild;
mod status;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use followers::{Rebuilder, rebuilds};
use schema::Position;
use secrecy::ExposeSecret;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use self::rebuild::RebuildArgs;
use super::keys;
use super::output::{Output, print_done};
use crate::boot;
use crate::config::Config;

/// What to do with projections.
#[derive(Debug, Args)]
pub struct ProjectionsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Name the projections: how far each is, how its rebuild stands, what is kept of before.
    List,
    /// Say how far each follower is, and whether it stands still.
    Status,
    /// Fold the log anew beside the live tables, compare, and put it in their place when it differs (exit 1 then). One
    /// that was interrupted is gone on with.
    Rebuild(RebuildArgs),
    /// Put a rebuild that is ready (`rebuild --hold`) in the place of the live tables. Those are kept.
    Switch {
        /// Which projection.
        name: String,
    },
    /// Put the tables that the last switch replaced back in their place.
    Rollback {
        /// Which projection.
        name: String,
    },
    /// Drop the tables that the last switch replaced.
    DropOld {
        /// Which projection.
        name: String,
    },
    /// Let a follower leave out the event it stands still at. The decision is an event itself.
    Skip {
        /// Which follower.
        name: String,
        /// The event, as `status` names it.
        #[arg(long)]
        position: i64,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

/// Does what was asked for.
pub async fn run(config: &Config, args: ProjectionsArgs, output: Output) -> Result<bool> {
    let ledger = boot::open_ledger(config).await?;
    let rebuilder = || {
        let owner = config.database.owner_url.as_ref();
        let owner = owner.context("database.owner_url: must be set to rebuild or switch")?;
        anyhow::Ok(Rebuilder::new(ledger.clone(), owner.expose_secret().parse()?))
    };
    match args.action {
        Action::List => status::list(&ledger, output).await,
        Action::Status => status::status(&ledger, output).await,
        Action::Rebuild(args) => rebuild::rebuild(&rebuilder()?, &args, output).await,
        Action::Switch { name } => {
            let now = rebuilder()?.switch(&name, &CancellationToken::new()).await?;
            let sentence = format!(
                "{name}: the rebuilt tables are live since event {}; `rollback` takes it back, `drop-old` ends that",
                now.position
            );
            print_done(output, &sentence, &serde_json::to_value(&now)?);
            Ok(true)
        }
        Action::Rollback { name } => {
            let now = rebuilder()?.roll_back(&name).await?;
            let sentence = format!("{name}: the tables from before are live again, and catch up");
            print_done(output, &sentence, &serde_json::to_value(&now)?);
            Ok(true)
        }
        Action::DropOld { name } => {
            rebuilder()?.drop_old(&name).await?;
            let now = rebuilds(&ledger).await?.into_iter().find(|one| one.projection == name);
            let sentence = format!("{name}: the replaced tables are dropped");
            print_done(output, &sentence, &serde_json::to_value(now)?);
            Ok(true)
        }
        Action::Skip { name, position, reason } => {
            let recording = keys::skip_event(&ledger, &name, Position(position), reason.clone());
            followers::skip(&ledger, &name, Position(position), recording).await?;
            let raw = json!({ "follower": name, "skipped": position, "reason": reason });
            let sentence = format!("{name} leaves out event {position}; the decision is on record");
            print_done(output, &sentence, &raw);
            Ok(true)
        }
    }
}
