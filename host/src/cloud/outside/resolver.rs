//! Looking names up, and dropping what is not public.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::is_public;

/// The addresses of a name, as a lookup ends.
type Found<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Where names are looked up.
pub trait Lookup: Send + Sync + 'static {
    /// Every address of a name.
    fn find<'a>(&'a self, name: &'a str) -> Found<'a>;
}

/// The operating system's resolver.
#[derive(Debug, Clone, Copy)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn find<'a>(&'a self, name: &'a str) -> Found<'a> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// A name has addresses, and none of them is public. Does not say which: that would map the operator's network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name has no public address")]
pub struct NoPublicAddress;

/// A resolver for an HTTP client that gives public addresses only. The client connects to nothing else, so what a name
/// is looked up to later makes no difference.
#[derive(Clone)]
pub struct PublicResolver(Arc<dyn Lookup>);

impl PublicResolver {
    /// Over a lookup.
    pub fn new(lookup: impl Lookup) -> Self {
        Self(Arc::new(lookup))
    }
}

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let lookup = Arc::clone(&self.0);
        Box::pin(async move {
            let found = lookup.find(name.as_str()).await?;
            let public: Vec<SocketAddr> = found
                .into_iter()
                .filter(|address| is_public(*address))
                // The client puts the port of the address it was given.
                .map(|address| SocketAddr::new(address, 0))
                .collect();
            if public.is_empty() {
                return Err(NoPublicAddress.into());
            }
            let addresses: Addrs = Box::new(public.into_iter());
            Ok(addresses)
        })
    }
}
