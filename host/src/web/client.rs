//! Who is at the other end: the peer of the connection, or, behind a proxy that is trusted, the address it speaks for.
//!
//! `X-Forwarded-For` is anybody's text until a trusted proxy has written to its end. So it is read from the right, and
//! only as far as the addresses are those of trusted proxies (I43). `Forwarded` and `X-Forwarded-Host` are never read.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use tracing::warn;

use crate::config::SourcePolicy;
use crate::listener::Peer;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Most addresses that are remembered as reported. Beyond it nothing more is told.
const MOST_REPORTED: usize = 1024;

/// The address of a request's sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Client(pub(super) IpAddr);

impl Client {
    /// The sender of a request, believing only the proxies of the list.
    pub(super) fn of(request: &Request, trusted: &[IpNet]) -> Self {
        // Every connection has a peer. Without one, all are the same stranger.
        let peer = request
            .extensions()
            .get::<Peer>()
            .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
        Self(forwarded(peer.to_canonical(), request.headers(), trusted))
    }

    /// The sender, if a proxy speaks for it.
    pub(super) fn behind_proxy(self, request: &Request) -> Option<Self> {
        let peer = request.extensions().get::<Peer>()?;
        (peer.0.ip().to_canonical() != self.0).then_some(self)
    }

    /// The sender as a layer has noted it.
    pub(super) fn noted(request: &Request) -> Self {
        let noted = request.extensions().get::<Self>().copied();
        noted.unwrap_or(Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
    }
}

fn is_in(address: IpAddr, ranges: &[IpNet]) -> bool {
    ranges.iter().any(|range| range.contains(&address))
}

/// The right-most address that is no trusted proxy. What can't be read ends the search at the last hop that was known.
fn forwarded(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let lines: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
    let hops = lines
        .iter()
        .rev()
        .flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    let mut known = peer;
    for hop in hops {
        if !is_in(known, trusted) {
            break;
        }
        let Some(address) = hop_address(hop.trim()) else {
            break;
        };
        known = address;
    }
    known
}

/// An address, or one with a port as some proxies write it.
fn hop_address(text: &str) -> Option<IpAddr> {
    let bracketed = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let plain = bracketed.unwrap_or(text).parse::<IpAddr>();
    let address = plain.or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

/// The addresses that Cloud is said to call from.
pub(super) struct Sources {
    policy: SourcePolicy,
    reported: Mutex<HashSet<IpAddr>>,
}

impl Sources {
    pub(super) fn new(policy: SourcePolicy) -> Self {
        Self {
            policy,
            reported: Mutex::default(),
        }
    }

    /// Whether a request that knows the secret may come from there. One from elsewhere is told once for each address.
    pub(super) fn admits(&self, client: Client) -> bool {
        if self.policy.ranges.is_empty() || is_in(client.0, &self.policy.ranges) {
            return true;
        }
        if self.is_news(client.0) {
            let action = if self.policy.enforce {
                "refused"
            } else {
                "let pass"
            };
            warn!(
                client = %client.0,
                action,
                "A request with the right secret came from outside of source_addresses"
            );
        }
        !self.policy.enforce
    }

    fn is_news(&self, address: IpAddr) -> bool {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        reported.len() < MOST_REPORTED && reported.insert(address)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn address(peer: &str, lines: &[&'static str]) -> String {
        let trusted: Vec<IpNet> = ["10.0.0.0/8", "2001:db8::/32"]
            .map(|range| range.parse().unwrap())
            .to_vec();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_static(line));
        }
        headers.insert("forwarded", HeaderValue::from_static("for=203.0.113.99"));
        forwarded(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn i43_forwarded_addresses_are_believed_of_trusted_proxies_alone_and_from_the_right() {
        for (peer, lines, expected) in [
            ("192.0.2.1", &["203.0.113.5"][..], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.5"], "203.0.113.5"),
            ("10.0.0.1", &["198.51.100.1, 203.0.113.5"], "203.0.113.5"),
            ("10.0.0.1", &["203.0.113.5, 10.0.0.2"], "203.0.113.5"),
            (
                "10.0.0.1",
                &["198.51.100.1", "203.0.113.5,10.9.9.9"],
                "203.0.113.5",
            ),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &["203.0.113.5, nonsense"], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.5, nonsense, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["203.0.113.5:4711"], "203.0.113.5"),
            ("10.0.0.1", &["[2001:db9::1]:80"], "2001:db9::1"),
            ("10.0.0.1", &["[2001:db9::1]"], "2001:db9::1"),
            ("2001:db8::1", &["::ffff:203.0.113.5"], "203.0.113.5"),
            ("10.0.0.1", &[""], "10.0.0.1"),
        ] {
            assert_eq!(address(peer, lines), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn requests_from_elsewhere_are_reported_once_and_refused_only_when_told_so() {
        let sources = |enforce, ranges: &[&str]| {
            Sources::new(SourcePolicy {
                ranges: ranges.iter().map(|range| range.parse().unwrap()).collect(),
                enforce,
            })
        };
        let (cloud, stranger) = (
            Client("161.35.166.95".parse().unwrap()),
            Client("203.0.113.5".parse().unwrap()),
        );
        let range = ["161.35.166.95/32"];
        assert!(sources(true, &[]).admits(stranger));
        let (report, enforce) = (sources(false, &range), sources(true, &range));
        assert!(report.admits(cloud) && report.admits(stranger));
        assert!(enforce.admits(cloud) && !enforce.admits(stranger));
        assert!(!enforce.admits(stranger));
        assert!(!report.is_news(stranger.0) && report.is_news("203.0.113.6".parse().unwrap()));
        for number in 0..2000_u32 {
            report.is_news(IpAddr::V4(number.into()));
        }
        assert_eq!(report.reported.lock().unwrap().len(), MOST_REPORTED);
    }
}
