use async_graphql::{Context, Object};
use schema::events::Scope;

use crate::graphql::fault::Fault;
use crate::graphql::loaders::{Opened, SealedKey};
use crate::graphql::session::Session;

/// Personal data: sealed under its subject's own key until someone with the scope `audit` asks for its text.
#[derive(Clone, Debug)]
pub struct Personal(pub SealedKey);

/// Personal data: sealed under its subject's own key until someone with the scope `audit` asks for its text.
#[Object]
impl Personal {
    /// Whether the subject's key was destroyed: the text is gone for good.
    async fn erased(&self, ctx: &Context<'_>) -> Result<bool, Fault> {
        Ok(opened(ctx, &self.0).await? == Opened::Erased)
    }

    /// The text in the clear; none when it was erased.
    async fn text(&self, ctx: &Context<'_>) -> Result<Option<String>, Fault> {
        if !Session::of(ctx)?.caller().may(Scope::Audit) {
            return Err(crate::graphql::access::forbidden(Scope::Audit));
        }
        match opened(ctx, &self.0).await? {
            Opened::Clear(text) => Ok(Some(text)),
            Opened::Erased => Ok(None),
        }
    }
}

async fn opened(ctx: &Context<'_>, key: &SealedKey) -> Result<Opened, Fault> {
    let found = Session::of(ctx)?.rows().load_one(key.clone()).await?;
    found.ok_or_else(|| Fault::internal("the vault gave no answer for a sealed value"))
}
