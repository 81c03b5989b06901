//! Addresses of services outside, checked for what stands in them.

use url::{Host, Url};

use super::is_public;

/// The first port beyond those of other protocols, such as mail and remote shells.
const FIRST_FREE_PORT: u16 = 1024;
/// HTTPS.
const HTTPS_PORT: u16 = 443;
/// Names that no public resolver answers, so that whatever answers is near.
const NEAR: [&str; 7] = [
    "localhost",
    "local",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
];

/// Why an address is refused. Does not repeat it: it may hold a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RefusedUrl {
    /// No absolute address.
    #[error("is no absolute address")]
    Malformed,
    /// Another scheme than `https`.
    #[error("must begin with https://")]
    Scheme,
    /// A user or a password in it.
    #[error("must not hold a user or a password")]
    UserInfo,
    /// A port of another protocol.
    #[error("must have the port 443, or one from 1024 on")]
    Port,
    /// A literal address that is not public, in whatever spelling.
    #[error("is not an address of the public Internet")]
    Address,
    /// A name without a domain, or of a domain that exists only nearby.
    #[error("is not a name of the public Internet")]
    Name,
}

/// An address that may be one of a public service. Its name must still be looked up by a
/// [`PublicResolver`](super::PublicResolver).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutsideUrl(Url);

impl OutsideUrl {
    /// Checks an address. The parser brings every spelling of a literal address (decimal, octal, hexadecimal, short) into
    /// one form before it is looked at, as the client that connects does.
    pub fn parse(text: &str) -> Result<Self, RefusedUrl> {
        let url = Url::parse(text).map_err(|_| RefusedUrl::Malformed)?;
        if url.scheme() != "https" {
            return Err(RefusedUrl::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(RefusedUrl::UserInfo);
        }
        if url
            .port()
            .is_some_and(|port| port != HTTPS_PORT && port < FIRST_FREE_PORT)
        {
            return Err(RefusedUrl::Port);
        }
        match url.host() {
            Some(Host::Ipv4(address)) if is_public(address.into()) => Ok(Self(url)),
            Some(Host::Ipv6(address)) if is_public(address.into()) => Ok(Self(url)),
            Some(Host::Domain(name)) if is_outside(name) => Ok(Self(url)),
            Some(Host::Domain(_)) => Err(RefusedUrl::Name),
            Some(Host::Ipv4(_) | Host::Ipv6(_)) => Err(RefusedUrl::Address),
            None => Err(RefusedUrl::Malformed),
        }
    }

    /// The address.
    pub fn as_url(&self) -> &Url {
        &self.0
    }
}

/// A name with a domain that is not known to exist nearby only. The parser has lowered it.
fn is_outside(name: &str) -> bool {
    // The root's dot is no label; any other empty one is no name, though a resolver may overlook it.
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.split('.').any(str::is_empty) {
        return false;
    }
    match name.rsplit_once('.') {
        Some((_, last)) => {
            !NEAR.contains(&last) && name != "home.arpa" && !name.ends_with(".home.arpa")
        }
        None => false,
    }
}
