//! Where this server may be sent to fetch an image. Whoever asks names the address, so a name is judged by what it resolves to, the connection
//! goes to that very address, and every redirect is judged again.
//!
//! | address | fetched from |
//! |---|---|
//! | of the internet | always |
//! | of this machine or a private network | only while the server itself listens on loopback: who asks is on this machine then |
//! | link-local, a cloud's metadata service, unspecified, multicast, broadcast | never |

use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

/// Metadata services of clouds that lie outside of the link-local range: Alibaba's, Oracle's, Amazon's over IPv6.
const METADATA: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// Whom the server may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The internet only.
    Public,
    /// This machine and private networks too.
    Private,
}

/// An address that is not fetched from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Never fetched from.
    #[error("{0} is link-local, a metadata service or no host's address, which images are never fetched from")]
    Never(IpAddr),
    /// Not fetched from by a server that others reach.
    #[error("{0} is a private address, which a server that listens beyond loopback does not fetch from")]
    Private(IpAddr),
    /// Another scheme.
    #[error("{0} is no http or https URL")]
    Scheme(String),
}

impl Reach {
    /// Whether an address may be fetched from.
    ///
    /// # Errors
    /// Why not.
    pub fn judge(self, given: IpAddr) -> Result<(), Refused> {
        let ip = embedded(given);
        if is_never(ip) || METADATA.contains(&ip) {
            return Err(Refused::Never(given));
        }
        if self == Self::Public && is_private(ip) {
            return Err(Refused::Private(given));
        }
        Ok(())
    }

    /// Whether a URL may be asked; a host that is a name is judged once it is resolved.
    ///
    /// # Errors
    /// Why not.
    pub fn judge_url(self, url: &Url) -> Result<(), Refused> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refused::Scheme(url.scheme().to_owned()));
        }
        let host = url.host_str().unwrap_or_default();
        match host.trim_start_matches('[').trim_end_matches(']').parse() {
            Ok(ip) => self.judge(ip),
            Err(_) => Ok(()),
        }
    }
}

/// The IPv4 address that an IPv6 address stands for, where it stands for one: mapped, NAT64, 6to4.
fn embedded(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let v4 = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => v4(g, h),
        // Compatible addresses, of which only ::1 and :: mean something else.
        (0, 0, 0, 0, 0, 0) if g != 0 => v4(g, h),
        (0x2002, high, low, ..) => v4(high, low),
        _ => ip,
    }
}

fn is_never(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_multicast() || v4.is_broadcast() || v4.octets()[0] == 0,
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.is_multicast() || v6.is_unspecified(),
    }
}

/// Loopback, private networks, shared and reserved ranges.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            v4.is_loopback()
                || v4.is_private()
                || (a == 100 && (b & 0xc0) == 64)
                || (a == 192 && b == 0 && c == 0)
                || (a == 198 && (b & 0xfe) == 18)
                || a >= 240
        }
        // Site-local addresses are deprecated and still routed in places.
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || (v6.segments()[0] & 0xffc0) == 0xfec0,
    }
}

/// Resolves names to addresses that may be fetched from.
#[derive(Debug, Clone)]
pub struct Resolver(pub Reach);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            for address in &found {
                reach.judge(address.ip())?;
            }
            let found: Addrs = Box::new(found.into_iter());
            Ok(found)
        })
    }
}

/// A client that goes nowhere else, redirects included.
///
/// # Errors
/// When it cannot be built.
pub fn client(reach: Reach, redirects_max: usize) -> Result<reqwest::ClientBuilder, reqwest::Error> {
    let policy = reqwest::redirect::Policy::custom(move |attempt| {
        if attempt.previous().len() > redirects_max {
            return attempt.error("too many redirects");
        }
        match reach.judge_url(attempt.url()) {
            Ok(()) => attempt.follow(),
            Err(refused) => attempt.error(refused),
        }
    });
    // A proxy would resolve names by itself.
    Ok(reqwest::Client::builder().no_proxy().redirect(policy).dns_resolver(Arc::new(Resolver(reach))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn the_internet_is_reached_from_everywhere() {
        for public in ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "172.32.0.1", "100.128.0.1", "64:ff9b::101:101"] {
            for reach in [Reach::Public, Reach::Private] {
                assert_eq!(reach.judge(ip(public)), Ok(()), "{public}");
            }
        }
    }

    #[test]
    fn private_addresses_are_for_servers_on_loopback() {
        let private = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "198.18.0.1",
            "240.0.0.1",
            "::1",
            "fd12::1",
            "fec0::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
        ];
        for private in private {
            assert_eq!(Reach::Public.judge(ip(private)), Err(Refused::Private(ip(private))), "{private}");
            assert_eq!(Reach::Private.judge(ip(private)), Ok(()), "{private}");
        }
    }

    #[test]
    fn metadata_services_are_never_reached() {
        let never = [
            "169.254.169.254",
            "100.100.100.200",
            "192.0.0.192",
            "0.0.0.0",
            "0.1.2.3",
            "255.255.255.255",
            "224.0.0.1",
            "::",
            "fe80::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::",
        ];
        for never in never {
            for reach in [Reach::Public, Reach::Private] {
                assert_eq!(reach.judge(ip(never)), Err(Refused::Never(ip(never))), "{never}");
            }
        }
    }

    #[test]
    fn a_url_is_judged_however_it_writes_its_host() {
        let judged = |text: &str| Reach::Private.judge_url(&Url::parse(text).expect("a URL"));
        for good in ["http://127.0.0.1/x.png", "https://example.org/x.png", "http://[::1]:8/x"] {
            assert_eq!(judged(good), Ok(()), "{good}");
        }
        // The parser reads all of these as 169.254.169.254.
        for bad in
            ["http://169.254.169.254/", "http://0xa9fea9fe/", "http://2852039166/", "http://0251.0376.0251.0376/"]
        {
            assert!(matches!(judged(bad), Err(Refused::Never(_))), "{bad}");
        }
        for bad in ["file:///etc/passwd", "ftp://example.org/x", "gopher://127.0.0.1/"] {
            assert!(matches!(judged(bad), Err(Refused::Scheme(_))), "{bad}");
        }
    }
}
