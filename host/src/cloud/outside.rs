//! The way to services outside of Cloud: only public addresses, however they are written or looked up.
//!
//! Built for `connections`, which come later: **no connection uses it yet**, and Cloud's own address is the operator's
//! choice and not filtered. A guest's connection will need both parts. [`OutsideUrl`] refuses an address for what stands
//! in it, a literal address of a host among it; [`PublicResolver`] refuses what a name is looked up to, at the moment of
//! connecting, so that a name can't be rebound between check and use.

mod address;
mod resolver;
mod url;

pub use address::is_public;
pub use resolver::{Lookup, NoPublicAddress, PublicResolver, SystemLookup};
pub use url::{OutsideUrl, RefusedUrl};

#[cfg(test)]
mod tests;
