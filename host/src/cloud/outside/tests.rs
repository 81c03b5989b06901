//! W7, H37: every known way to point a request at this machine or its network, with a trap on loopback that counts.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;

use super::*;

/// A listener on every address of this machine. Counts connections.
struct Trap {
    port: u16,
    sprung: Arc<AtomicUsize>,
}

impl Trap {
    async fn set() -> Self {
        // Both families where the machine has both.
        let listener = match TcpListener::bind("[::]:0").await {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind("0.0.0.0:0").await.unwrap(),
        };
        let port = listener.local_addr().unwrap().port();
        let sprung = Arc::new(AtomicUsize::new(0));
        let count = sprung.clone();
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { port, sprung }
    }

    fn sprung(&self) -> usize {
        self.sprung.load(Ordering::SeqCst)
    }
}

/// Every name is these addresses.
#[derive(Clone, Default)]
struct Fixed(Arc<Mutex<Vec<IpAddr>>>);

impl Fixed {
    fn set(&self, addresses: &[&str]) {
        *self.0.lock().unwrap() = addresses.iter().map(|text| text.parse().unwrap()).collect();
    }
}

impl Lookup for Fixed {
    fn find<'a>(
        &'a self,
        _name: &'a str,
    ) -> std::pin::Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send + 'a>> {
        let found = self.0.lock().unwrap().clone();
        Box::pin(async move { Ok(found) })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the resolver under test is the client's"
)]
fn client(lookup: impl Lookup) -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .dns_resolver(Arc::new(PublicResolver::new(lookup)))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(std::time::Duration::from_secs(10))
        .build()
        .unwrap()
}

/// Addresses of this machine, its networks and special places, in one spelling each.
const NOT_PUBLIC: [&str; 53] = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.1.2.3",
    "127.255.255.255",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
];

/// Other spellings of hosts. The port stands where `P` is.
const SPELLINGS: [&str; 45] = [
    "https://127.1:P/",
    "https://127.0.1:P/",
    "https://2130706433:P/",
    "https://0x7f000001:P/",
    "https://0x7f.1:P/",
    "https://0x7F.0x0.0x0.0x1:P/",
    "https://017700000001:P/",
    "https://0177.0.0.1:P/",
    "https://0177.0.0.01:P/",
    "https://127.0.0.1.:P/",
    "https://0:P/",
    "https://0x0:P/",
    "https://00000000:P/",
    "https://3232235521:P/",
    "https://0xc0a80001:P/",
    "https://192.168.1:P/",
    "https://169.16689662:P/",
    "https://2852039166:P/",
    "https://0251.0376.0251.0376:P/",
    "https://0xa9fea9fe:P/",
    "https://①②⑦.⓪.⓪.①:P/",
    "https://127。0。0。1:P/",
    "https://%31%32%37.0.0.1:P/",
    "https://[::ffff:7f00:1]:P/",
    "https://[0:0:0:0:0:0:0:1]:P/",
    "https://[::127.0.0.1]:P/",
    "https://[0000::0001]:P/",
    "https://[::ffff:0x7f.1]:P/",
    "https://[fe80::1%25lo]:P/",
    "https://localhost:P/",
    "https://LOCALHOST:P/",
    "https://localhost.:P/",
    "https://localhost..:P/",
    "https://localhost...:P/",
    "https://a..localhost..:P/",
    "https://printer.local..:P/",
    "https://.localhost.:P/",
    "https://a.localhost:P/",
    "https://ⓛocalhost:P/",
    "https://host.docker.internal:P/",
    "https://metadata.google.internal:P/",
    "https://printer.local:P/",
    "https://db.home.arpa:P/",
    "https://intranet:P/",
    "https://db.corp:P/",
];

/// Refused for something else than the host.
const OTHER: [(&str, RefusedUrl); 15] = [
    ("http://api.example.com/", RefusedUrl::Scheme),
    ("ftp://api.example.com/", RefusedUrl::Scheme),
    ("file:///etc/passwd", RefusedUrl::Scheme),
    ("gopher://api.example.com/", RefusedUrl::Scheme),
    ("data:text/plain,x", RefusedUrl::Scheme),
    ("https://api.example.com@127.0.0.1:P/", RefusedUrl::UserInfo),
    ("https://u:p@api.example.com/", RefusedUrl::UserInfo),
    ("https://:p@api.example.com/", RefusedUrl::UserInfo),
    ("https://api.example.com:22/", RefusedUrl::Port),
    ("https://api.example.com:25/", RefusedUrl::Port),
    ("https://api.example.com:0/", RefusedUrl::Port),
    ("https://api.example.com:65536/", RefusedUrl::Malformed),
    ("//127.0.0.1:P/", RefusedUrl::Malformed),
    ("https://", RefusedUrl::Malformed),
    ("https://[::1", RefusedUrl::Malformed),
];

#[test]
fn public_addresses_are_public() {
    for text in [
        "1.1.1.1",
        "9.9.9.9",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.255.255",
        "172.32.0.1",
        "192.0.1.1",
        "192.167.255.255",
        "198.17.255.255",
        "198.20.0.1",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00::1",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2003::1",
        "2400:cb00::1",
    ] {
        assert!(is_public(text.parse().unwrap()), "{text}");
    }
    for text in [
        "https://api.example.com/v1?x=1",
        "https://api.example.com:8443/",
        "https://api.example.com.:443/",
        "https://1.1.1.1/",
        "https://[2606:4700::1111]/",
        "https://bücher.example/",
    ] {
        assert!(OutsideUrl::parse(text).is_ok(), "{text}");
    }
}

#[tokio::test]
async fn w7_h37_no_spelling_of_an_inner_address_reaches_the_trap() {
    let trap = Trap::set().await;
    let lookup = Fixed::default();
    let client = client(lookup.clone());
    // The trap works, and a plain client falls for it.
    #[expect(clippy::disallowed_methods, reason = "the control of the test")]
    let plain = reqwest::Client::builder().no_proxy().build().unwrap();
    let bait = format!("https://127.0.0.1:{}/", trap.port);
    assert!(
        plain
            .get(bait)
            .timeout(std::time::Duration::from_secs(2))
            .send()
            .await
            .is_err()
    );
    assert_eq!(trap.sprung(), 1);

    let port = trap.port.to_string();
    let mut forms = 0;
    for text in NOT_PUBLIC {
        let address: IpAddr = text.parse().unwrap();
        assert!(!is_public(address), "{text}");
        // As a literal host.
        let literal = match address {
            IpAddr::V4(v4) => format!("https://{v4}:{port}/"),
            IpAddr::V6(v6) => format!("https://[{v6}]:{port}/"),
        };
        assert_eq!(
            OutsideUrl::parse(&literal),
            Err(RefusedUrl::Address),
            "{literal}"
        );
        // As what a name is looked up to.
        lookup.set(&[text]);
        let url = OutsideUrl::parse(&format!("https://rebound.example:{port}/")).unwrap();
        let error = client.get(url.as_url().clone()).send().await.unwrap_err();
        assert!(is_refusal(&error), "{text}: {error:?}");
        forms += 2;
    }
    for spelling in SPELLINGS {
        // The name behind it may be this machine too.
        lookup.set(&["127.0.0.1", "::1"]);
        let refused = OutsideUrl::parse(&spelling.replace('P', &port));
        assert!(refused.is_err(), "{spelling}: {refused:?}");
        forms += 1;
    }
    for (text, reason) in OTHER {
        assert_eq!(
            OutsideUrl::parse(&text.replace('P', &port)),
            Err(reason),
            "{text}"
        );
        forms += 1;
    }
    assert!(forms >= 60, "{forms}");
    assert_eq!(trap.sprung(), 1, "only the bait");
}

fn is_refusal(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .any(<dyn std::error::Error>::is::<NoPublicAddress>)
}

#[tokio::test]
async fn h37_a_name_that_is_rebound_is_looked_at_again_and_mixed_answers_lose_their_inner_part() {
    use reqwest::dns::Resolve as _;
    let lookup = Fixed::default();
    let resolver = PublicResolver::new(lookup.clone());
    let resolve = async || {
        let found = resolver.resolve("api.example.com".parse().unwrap()).await;
        found.map(|addresses| {
            addresses
                .map(|address| address.ip().to_string())
                .collect::<Vec<_>>()
        })
    };
    lookup.set(&["127.0.0.1", "1.1.1.1", "::1", "2606:4700::1111", "10.0.0.1"]);
    assert_eq!(resolve().await.unwrap(), ["1.1.1.1", "2606:4700::1111"]);
    lookup.set(&["127.0.0.1"]);
    assert!(is_refusal(resolve().await.unwrap_err().as_ref()));
    lookup.set(&[]);
    assert!(resolve().await.is_err());
}

#[tokio::test]
async fn h37_the_systems_own_name_for_this_machine_is_refused() {
    let trap = Trap::set().await;
    let client = client(SystemLookup);
    let error = client
        .get(format!("https://localhost:{}/", trap.port))
        .send()
        .await
        .unwrap_err();
    assert!(is_refusal(&error), "{error:?}");
    assert_eq!(trap.sprung(), 0);
}
