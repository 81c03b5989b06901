//! Which addresses are everybody's: after the IANA registries of special-purpose addresses (RFC 6890 and its updates).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

const fn four(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn six(a: u16, b: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), prefix)
}

const REFUSED_V4: [Ipv4Net; 17] = [
    four(0, 0, 0, 0, 8),     // this network; Linux takes 0.0.0.0 for the host itself
    four(10, 0, 0, 0, 8),    // private
    four(100, 64, 0, 0, 10), // carrier-grade NAT
    four(127, 0, 0, 0, 8),   // loopback
    four(168, 63, 129, 16, 32), // a public address that serves a cloud's machines their configuration
    four(169, 254, 0, 0, 16),   // link-local, metadata services among it
    four(172, 16, 0, 0, 12),    // private
    four(192, 0, 0, 0, 24),     // IETF protocols
    four(192, 0, 2, 0, 24),     // documentation
    four(192, 88, 99, 0, 24),   // 6to4 relays
    four(192, 168, 0, 0, 16),   // private
    four(198, 18, 0, 0, 15),    // benchmarking
    four(198, 51, 100, 0, 24),  // documentation
    four(203, 0, 113, 0, 24),   // documentation
    four(224, 0, 0, 0, 4),      // multicast
    four(240, 0, 0, 0, 4),      // reserved
    four(255, 255, 255, 255, 32), // broadcast
];

/// All that is handed out for the public Internet. Loopback, unspecified, IPv4-mapped and -compatible, NAT64, discard,
/// unique-local, link-local, site-local, segment routing and multicast addresses lie outside.
const GLOBAL_V6: Ipv6Net = six(0x2000, 0, 3);

const REFUSED_V6: [Ipv6Net; 4] = [
    six(0x2001, 0, 23),     // IETF protocols: Teredo, benchmarking, ORCHID
    six(0x2001, 0xdb8, 32), // documentation
    six(0x2002, 0, 16),     // 6to4, which may hold any IPv4 address
    six(0x3fff, 0, 20),     // documentation
];

/// Whether an address is one that everybody reaches, and not this machine, its network or a special place.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !REFUSED_V4.iter().any(|net| net.contains(&v4)),
        IpAddr::V6(v6) => {
            GLOBAL_V6.contains(&v6) && !REFUSED_V6.iter().any(|net| net.contains(&v6))
        }
    }
}
