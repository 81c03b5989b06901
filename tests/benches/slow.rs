//! W5: what 1,000 slow connections cost who is meant to be here, and what they take of memory.
//!
//! Silence, half a head, a trickle of a head, half a body, a trickle of a body, and readers that never read (I08 to I11):
//! a thousand of them at once, each opened anew as soon as its deadline has ended it. Two figures of one run: how slow a
//! right request gets beside them, as a ratio, and how much larger the host's resident memory is.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench ends by a panic, and prints its figures"
)]

#[expect(
    dead_code,
    unused_imports,
    reason = "the tests' harness, of which a bench needs a part"
)]
#[path = "../it"]
mod it {
    pub(crate) mod support;
}

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use airlock_tests::measure::{Times, heading, line, ratio};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use it::support::{Ask, Place, ProcessHost};

/// Slow connections at once: 50 from each of 20 addresses, of which the limits by default allow 64.
const SLOW: usize = 1_000;
const OF_ONE_ADDRESS: usize = 50;
/// Right requests before, beside and after them.
const SAMPLES: usize = 2_000;
/// W5: at most so much slower at p99, and so much more memory.
const MOST_RATIO: f64 = 2.0;
/// In KiB.
const MOST_MEMORY: u64 = 64 * 1024;
/// Between the first openings of two of them.
const APART: Duration = Duration::from_millis(5);
/// Between two bytes of a trickle.
const DRIP: Duration = Duration::from_millis(500);

/// What a slow connection does.
#[derive(Clone, Copy)]
enum Kind {
    Silence,
    HalfHead,
    TrickledHead,
    HalfBody,
    TrickledBody,
    NoReader,
}

const KINDS: [Kind; 6] = [
    Kind::Silence,
    Kind::HalfHead,
    Kind::TrickledHead,
    Kind::HalfBody,
    Kind::TrickledBody,
    Kind::NoReader,
];

impl Kind {
    /// What is sent at once, and then again and again.
    fn bytes(self, host: &str, callback: &str) -> (String, &'static str) {
        let head = format!("GET /airlock.js HTTP/1.1\r\nHost: {host}\r\n");
        let body =
            format!("POST {callback} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000\r\n\r\n[");
        match self {
            Self::Silence => (String::new(), ""),
            Self::HalfHead => (head, ""),
            Self::TrickledHead => (head, "X-A: b\r\n"),
            Self::HalfBody => (body, ""),
            Self::TrickledBody => (body, "["),
            Self::NoReader => {
                let ask = format!("GET /assets/shell.js HTTP/1.1\r\nHost: {host}\r\n\r\n");
                (ask.repeat(50), "")
            }
        }
    }
}

/// What all slow connections share.
struct Crowd {
    host: String,
    callback: String,
    stop: AtomicBool,
    /// Open now, and ended by the host so far.
    open: AtomicUsize,
    ended: AtomicUsize,
}

impl Crowd {
    /// One slow connection after the other, until told to stop.
    async fn member(&self, number: usize, kind: Kind) {
        let last = u8::try_from(number / OF_ONE_ADDRESS + 1).unwrap();
        // One after the other, as such tools open them: all at once, their deadlines would come at once for ever.
        sleep(APART * u32::try_from(number).unwrap()).await;
        while !self.stop.load(Ordering::Relaxed) {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_recv_buffer_size(4096).unwrap();
            let source = SocketAddr::from((Ipv4Addr::new(127, 0, 1, last), 0));
            socket.bind(source).unwrap();
            let address = self.host.parse().unwrap();
            let Ok(stream) = socket.connect(address).await else {
                sleep(DRIP).await;
                continue;
            };
            self.open.fetch_add(1, Ordering::Relaxed);
            self.hold(stream, kind).await;
            self.open.fetch_sub(1, Ordering::Relaxed);
            if !self.stop.load(Ordering::Relaxed) {
                self.ended.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Holds a connection until the host ends it.
    async fn hold(&self, mut stream: TcpStream, kind: Kind) {
        let (begin, again) = kind.bytes(&self.host, &self.callback);
        // A reader that never reads may find no room for all that it asks.
        let sent = timeout(DRIP, stream.write_all(begin.as_bytes())).await;
        if matches!(sent, Ok(Err(_))) {
            return;
        }
        let mut byte = [0; 1];
        while !self.stop.load(Ordering::Relaxed) {
            if matches!(kind, Kind::NoReader) {
                // Nothing may be read, so a write finds out whether the other side is gone.
                sleep(DRIP).await;
                if matches!(stream.try_write(b"\r\n"), Err(error) if error.kind() != std::io::ErrorKind::WouldBlock)
                {
                    return;
                }
                continue;
            }
            match timeout(DRIP, stream.read(&mut byte)).await {
                Ok(Ok(1..)) => {}
                Ok(_) => return,
                Err(_) if stream.write_all(again.as_bytes()).await.is_err() => return,
                Err(_) => {}
            }
        }
    }
}

/// Times of right requests, each on a kept connection, and every twentieth on a new one.
async fn right(place: &Place, callback: &str) -> (Times, Times) {
    let host = place.origin().replace("http://", "");
    let request = format!("GET {callback} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let mut kept = TcpStream::connect(&host).await.unwrap();
    kept.set_nodelay(true).unwrap();
    let (mut on_kept, mut on_new) = (Times::default(), Times::default());
    for number in 0..SAMPLES {
        let begun = Instant::now();
        ask(&mut kept, &request).await;
        on_kept.add(begun.elapsed());
        if number % 20 == 0 {
            let begun = Instant::now();
            let mut new = TcpStream::connect(&host).await.unwrap();
            ask(&mut new, &request).await;
            on_new.add(begun.elapsed());
        }
        sleep(Duration::from_millis(5)).await;
    }
    (on_kept, on_new)
}

/// Asks, and reads the whole answer, which must be 200.
async fn ask(stream: &mut TcpStream, request: &str) {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    loop {
        let read = stream.read_buf(&mut answer).await.unwrap();
        assert!(read > 0, "the connection ended");
        let text = std::str::from_utf8(&answer).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let length = head.split("content-length: ").nth(1);
        let length = length.and_then(|rest| rest.split("\r\n").next());
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return;
        }
    }
}

/// Resident memory of the host in KiB.
fn resident(host: &ProcessHost) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.id())).unwrap();
    let mut lines = status.lines();
    let line = lines.find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

#[tokio::main]
async fn main() {
    heading("slow: right requests beside 1,000 slow connections");
    airlock_host::listener::raise_descriptor_limit();
    let nowhere = "http://127.0.0.1:9/".parse().unwrap();
    let place = Place::new(&nowhere)
        .dud("kyc")
        .set("AIRLOCK_LISTENER__CONNECTIONS_PER_ADDRESS", "64")
        .set("AIRLOCK_LOG__FILTER", "warn");
    let host = place.serve().await;
    let callback = host.cloud("kyc").await.callback;
    // Warm: the first requests pay for what is made once.
    for _ in 0..100 {
        host.http.send(Ask::get(&callback)).await.expect(200);
    }
    let (mut alone, mut alone_new) = right(&place, &callback).await;
    let before = resident(&host);

    let crowd = Arc::new(Crowd {
        host: place.origin().replace("http://", ""),
        callback: callback.clone(),
        stop: AtomicBool::new(false),
        open: AtomicUsize::new(0),
        ended: AtomicUsize::new(0),
    });
    let members: Vec<_> = (0..SLOW)
        .map(|number| {
            let crowd = crowd.clone();
            let kind = KINDS[number % KINDS.len()];
            tokio::spawn(async move { crowd.member(number, kind).await })
        })
        .collect();
    while crowd.open.load(Ordering::Relaxed) < SLOW * 9 / 10 {
        sleep(Duration::from_millis(20)).await;
    }
    // Beside the right requests: the most memory, and the fewest slow connections, that were seen.
    let watching = AtomicBool::new(true);
    let watch = async {
        let (mut most, mut fewest) = (0, SLOW);
        while watching.load(Ordering::Relaxed) {
            most = most.max(resident(&host));
            fewest = fewest.min(crowd.open.load(Ordering::Relaxed));
            sleep(Duration::from_millis(100)).await;
        }
        (most, fewest)
    };
    let measured = async {
        let times = right(&place, &callback).await;
        watching.store(false, Ordering::Relaxed);
        times
    };
    let ((beside, beside_new), (most, fewest)) = tokio::join!(measured, watch);
    crowd.stop.store(true, Ordering::Relaxed);
    for member in members {
        member.await.unwrap();
    }
    // Alone once more: what the machine does otherwise must not fall on one side only.
    let (again, again_new) = right(&place, &callback).await;
    alone.extend(again);
    alone_new.extend(again_new);
    assert!(host.stop().success());

    println!(
        "slow connections: never fewer than {fewest} at once, {} ended by the host",
        crowd.ended.load(Ordering::Relaxed)
    );
    line("right request alone", &alone);
    line("right request beside them", &beside);
    line("on a new connection alone", &alone_new);
    line("on a new connection beside them", &beside_new);
    let at_p99 = ratio(&beside, &alone, 99.0);
    println!(
        "→ p50 x {:.2}, p99 x {at_p99:.2}; on new connections p50 x {:.2}, p99 x {:.2}; W5 asks for at most x {MOST_RATIO} \
         at p99: {}",
        ratio(&beside, &alone, 50.0),
        ratio(&beside_new, &alone_new, 50.0),
        ratio(&beside_new, &alone_new, 99.0),
        verdict(at_p99 <= MOST_RATIO)
    );
    let more = most.saturating_sub(before);
    println!(
        "→ resident memory {:.1} MiB before, {:.1} MiB at most beside them; W5 asks for at most 64 MiB more: {}",
        before as f64 / 1024.0,
        most as f64 / 1024.0,
        verdict(more <= MOST_MEMORY)
    );
}
