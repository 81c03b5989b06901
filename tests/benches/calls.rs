//! Portal calls beside `wasmtime serve`: requests a second with session, install check and every limit on.
//!
//! Both hosts run a like guest in Rust (JSON in, JSON out), a fresh instance for each request, on the same cores and in
//! turns: `guests/probes/tally` through this host's contract, `guests/probes/peer` behind `wasi:http`. The client is the
//! same for both and runs beside them. Then one call in one thread: permits, store, limits, instantiation, the guest's
//! work, checks, and the end of the store.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
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
mod load;
mod one_thread;
mod peer;

use std::time::Duration;

use airlock_cloud_sim::{CloudSim, Options};
use airlock_tests::measure::{heading, line, ratio, seconds, shown};

use it::support::{Place, Portal};
use load::{Line, Load, Target, closed};
use peer::Peer;

/// What is asked of both.
const BODY: &str = r#"{"transactions": [
    {"reference": "ref_0001", "currency": "USD", "amount": 125000}, {"reference": "ref_0002", "currency": "GHS", "amount": 9900},
    {"reference": "ref_0003", "currency": "USD", "amount": 4250}, {"reference": "ref_0004", "currency": "NGN", "amount": 730000},
    {"reference": "ref_0005", "currency": "EUR", "amount": 51}]}"#;
/// What both answer.
const ANSWER: &[u8] =
    br#"{"count":5,"largest":"ref_0004","sums":{"EUR":51,"GHS":9900,"NGN":730000,"USD":129250}}"#;
/// Turns of each kind of load.
const TURNS: usize = 4;
/// Connections, and how many times the peer's requests a second are asked for.
const GOALS: [(usize, f64); 2] = [(32, 4.0), (1, 1.5)];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    heading("calls: portal calls beside wasmtime serve");
    let length = seconds(4);
    let peer = Peer::start().await;
    let theirs = Target::new(
        &peer.address,
        "POST",
        "/tally",
        &[("Content-Type", "application/json")],
        BODY,
    );
    let sim = CloudSim::start(Options::default()).await.unwrap();
    let place = Place::new(&sim.api_url()).package("probes/tally");
    let host = place.serve().await;
    let app_id = host.register(&sim, "tally").await;
    let install = sim.install(&app_id, &["data:read"]).await.unwrap();
    host.until_status(&install.installed_app_id, "active").await;
    let address = sim.launch(&install.installed_app_id).await.unwrap();
    let portal = Portal::open(&host.http, &address).await;
    let ours = Target::new(
        place.origin().trim_start_matches("http://"),
        "POST",
        &portal.api("tally"),
        &[
            ("Content-Type", "application/json"),
            ("Sec-Fetch-Site", "same-origin"),
            ("Cookie", &portal.cookie),
        ],
        BODY,
    );
    for target in [&ours, &theirs] {
        let mut line = Line::open(target).await.unwrap();
        assert_eq!(line.ask(target).await.unwrap(), 200);
        assert_eq!(line.body(), ANSWER);
    }

    for (connections, goal) in GOALS {
        let warm = Duration::from_millis(500);
        for target in [&ours, &theirs] {
            closed(target, connections, warm).await;
        }
        let (mut our, mut their) = (Load::default(), Load::default());
        let before = [host.id(), peer.id()].map(cpu_time);
        for _ in 0..TURNS {
            our.then(closed(&ours, connections, length).await);
            their.then(closed(&theirs, connections, length).await);
        }
        let after = [host.id(), peer.id()].map(cpu_time);
        report(connections, goal, &our, &their);
        println!(
            "processor time of a request: {} of ours, {} of the peer's",
            shown(after[0].saturating_sub(before[0]) / count(&our)),
            shown(after[1].saturating_sub(before[1]) / count(&their))
        );
    }
    assert!(host.stop().success());
    drop(peer);
    one_thread::measure().await;
}

fn count(load: &Load) -> u32 {
    u32::try_from(load.times.count().max(1)).unwrap()
}

/// Processor time of a process so far. What else the machine does changes it less than the requests a second.
fn cpu_time(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // Behind the name, which may hold anything: in user mode and in the kernel, in hundredths of a second.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split(' ').collect();
    let ticks = |at: usize| fields[at].parse::<u64>().unwrap();
    Duration::from_millis((ticks(12) + ticks(13)) * 10)
}

/// Prints what came of one kind of load.
fn report(connections: usize, goal: f64, our: &Load, their: &Load) {
    println!("\n{connections} connections");
    line(
        &format!("airlock: {:.0} requests/s", our.rate()),
        &our.times,
    );
    let name = format!(
        "wasmtime serve {}: {:.0} requests/s",
        peer::version(),
        their.rate()
    );
    line(&name, &their.times);
    println!(
        "errors: {} of ours, {} of the peer's",
        our.errors, their.errors
    );
    let times = our.rate() / their.rate();
    let met = times >= goal && our.errors == 0 && their.errors == 0;
    println!(
        "→ {times:.2} times the peer's requests/s, p50 x {:.2}, p99 x {:.2}; asked for: {goal} times, no errors: {}",
        ratio(&our.times, &their.times, 50.0),
        ratio(&our.times, &their.times, 99.0),
        if met { "met" } else { "MISSED" }
    );
}
