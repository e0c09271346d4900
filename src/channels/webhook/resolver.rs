use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::WebhookGuard;
use super::guard::Blocked;

/// The system's resolver.
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?.collect::<Vec<_>>();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Hands the connector only addresses that may be dialled. The addresses checked are the addresses dialled: a name that
/// changes its answer between two questions gains nothing.
#[derive(Clone)]
pub struct GuardedResolver {
    pub guard: WebhookGuard,
    pub inner: Arc<dyn Resolve>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.guard.clone();
        let trusted = guard.allows_host(name.as_str());
        let resolving = self.inner.resolve(name);
        Box::pin(async move {
            let found = resolving.await?.collect::<Vec<_>>();
            if trusted {
                return Ok(Box::new(found.into_iter()) as Addrs);
            }
            let mut refused = None;
            let mut allowed: Vec<SocketAddr> = Vec::with_capacity(found.len());
            for address in found {
                match guard.check_ip(address.ip()) {
                    Ok(()) => allowed.push(address),
                    Err(blocked) => refused = Some(blocked),
                }
            }
            match (allowed.is_empty(), refused) {
                (false, _) => Ok(Box::new(allowed.into_iter()) as Addrs),
                (true, Some(Blocked(rule))) => Err(Blocked(rule).into()),
                (true, None) => Err(io::Error::from(io::ErrorKind::NotFound).into()),
            }
        })
    }
}
