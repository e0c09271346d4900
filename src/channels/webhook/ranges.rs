use std::net::IpAddr;

use ipnet::{Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(std::net::Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(first: u16, second: u16, third: u16, fourth: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(std::net::Ipv6Addr::new(first, second, third, fourth, 0, 0, 0, 0), prefix)
}

/// IPv4 networks that are not the public internet: the IANA special-purpose registry (RFC 6890), multicast, and the one
/// public address at which a cloud serves its own metadata.
const NOT_PUBLIC_V4: [(Ipv4Net, &str); 16] = [
    (v4(0, 0, 0, 0, 8), "this network"),
    (v4(10, 0, 0, 0, 8), "private"),
    (v4(100, 64, 0, 0, 10), "carrier-grade NAT"),
    (v4(127, 0, 0, 0, 8), "loopback"),
    (v4(168, 63, 129, 16, 32), "cloud metadata"),
    (v4(169, 254, 0, 0, 16), "link-local"),
    (v4(172, 16, 0, 0, 12), "private"),
    (v4(192, 0, 0, 0, 24), "protocol assignments"),
    (v4(192, 0, 2, 0, 24), "documentation"),
    (v4(192, 88, 99, 0, 24), "6to4 relay"),
    (v4(192, 168, 0, 0, 16), "private"),
    (v4(198, 18, 0, 0, 15), "benchmarking"),
    (v4(198, 51, 100, 0, 24), "documentation"),
    (v4(203, 0, 113, 0, 24), "documentation"),
    (v4(224, 0, 0, 0, 4), "multicast"),
    (v4(240, 0, 0, 0, 4), "reserved"),
];

/// IPv6 networks inside 2000::/3 that are not the public internet, or that lead to an IPv4 address nobody checked.
const NOT_PUBLIC_V6: [(Ipv6Net, &str); 4] = [
    (v6(0x2001, 0, 0, 0, 23), "protocol assignments, Teredo"),
    (v6(0x2001, 0xdb8, 0, 0, 32), "documentation"),
    (v6(0x2002, 0, 0, 0, 16), "6to4"),
    (v6(0x3fff, 0, 0, 0, 20), "documentation"),
];

/// IPv6 networks outside 2000::/3 by name, for the message; all of that space is refused.
const NAMED_V6: [(Ipv6Net, &str); 6] = [
    (v6(0x64, 0xff9b, 0, 0, 32), "NAT64"),
    (v6(0x64, 0xff9b, 1, 0, 48), "NAT64"),
    (v6(0xfc00, 0, 0, 0, 7), "unique local"),
    (v6(0xfe80, 0, 0, 0, 10), "link-local"),
    (v6(0xff00, 0, 0, 0, 8), "multicast"),
    (v6(0, 0, 0, 0, 64), "loopback, unspecified or IPv4-compatible"),
];

const GLOBAL_UNICAST_V6: Ipv6Net = v6(0x2000, 0, 0, 0, 3);

/// Why `ip` is not a public address; `None` when it is one. IPv4-mapped IPv6 counts as the IPv4 address it is.
pub fn not_public(ip: IpAddr) -> Option<&'static str> {
    match ip.to_canonical() {
        IpAddr::V4(ip) => named(&NOT_PUBLIC_V4, |net| net.contains(&ip)),
        IpAddr::V6(ip) if GLOBAL_UNICAST_V6.contains(&ip) => {
            named(&NOT_PUBLIC_V6, |net| net.contains(&ip))
        }
        IpAddr::V6(ip) => named(&NAMED_V6, |net| net.contains(&ip)).or(Some("not global unicast")),
    }
}

fn named<N>(table: &[(N, &'static str)], contains: impl Fn(&N) -> bool) -> Option<&'static str> {
    table.iter().find(|(net, _)| contains(net)).map(|(_, name)| *name)
}
