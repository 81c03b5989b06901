//! Portal calls beside `wasmtime serve`: requests a second with session, install check and every limit on.
//!
//! Both hosts run a like guest in Rust (JSON in, JSON out), a fresh instance for each request, on the same cores and in
//! turns: `guests/probes/tally` through this host's contract, `guests/probes/peer` behind `wasi:http`. The client is the
//! same for both and runs beside them. As a third the probe `tally` with no host around it, which tells what checks cost.
//! Then one call in one thread: permits, store, limits, instantiation, the guest's work, checks, and the end of the store.
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
mod bare;
mod load;
mod one_thread;
mod peer;
mod server;

use std::time::Duration;

use airlock_cloud_sim::{CloudSim, Options};
use airlock_tests::measure::{heading, line, ratio, seconds, shown};

use it::support::{Place, Portal};
use load::{Line, Load, Target, closed};

/// What is asked of both.
const BODY: &str = r#"{"transactions": [
    {"reference": "ref_0001", "currency": "USD", "amount": 125000}, {"reference": "ref_0002", "currency": "GHS", "amount": 9900},
    {"reference": "ref_0003", "currency": "USD", "amount": 4250}, {"reference": "ref_0004", "currency": "NGN", "amount": 730000},
    {"reference": "ref_0005", "currency": "EUR", "amount": 51}]}"#;
/// What both answer.
const ANSWER: &[u8] =
    br#"{"count":5,"largest":"ref_0004","sums":{"EUR":51,"GHS":9900,"NGN":730000,"USD":129250}}"#;
/// Turns of each kind of load. What else the machine does comes and goes, so that many short ones tell more.
const TURNS: usize = 8;
/// Connections, and how many times the peer's requests a second are asked for.
const GOALS: [(usize, f64); 2] = [(32, 4.0), (1, 1.5)];
/// Before what is counted.
const WARM: Duration = Duration::from_millis(500);

fn main() {
    bare::serve_if_asked();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure());
}

/// One of those that are asked, and what came of it.
struct Side {
    name: String,
    process: u32,
    target: Target,
    load: Load,
    cpu: Duration,
}

impl Side {
    fn new(name: &str, process: u32, target: Target) -> Self {
        Self {
            name: name.to_owned(),
            process,
            target,
            load: Load::default(),
            cpu: Duration::ZERO,
        }
    }

    async fn run(&mut self, connections: usize, length: Duration) {
        let before = cpu_time(self.process);
        let load = closed(&self.target, connections, length).await;
        self.cpu += cpu_time(self.process).saturating_sub(before);
        self.load.then(load);
    }

    fn print(&self) {
        let name = format!("{}: {:.0} requests/s", self.name, self.load.rate());
        line(&name, &self.load.times);
        let requests = u32::try_from(self.load.times.count().max(1)).unwrap();
        println!(
            "  processor time of a request {}, {} errors",
            shown(self.cpu / requests),
            self.load.errors
        );
    }
}

async fn measure() {
    heading("calls: portal calls beside wasmtime serve");
    let length = seconds(2);
    let json = [("Content-Type", "application/json")];
    let (peer, bare) = (peer::start().await, bare::start().await);
    let theirs = Target::new(&peer.address, "POST", "/tally", &json, BODY);
    let without = Target::new(&bare.address, "POST", "/tally", &json, BODY);
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
            json[0],
            ("Sec-Fetch-Site", "same-origin"),
            ("Cookie", &portal.cookie),
        ],
        BODY,
    );
    for target in [&ours, &theirs, &without] {
        let mut line = Line::open(target).await.unwrap();
        assert_eq!(line.ask(target).await.unwrap(), 200);
        assert_eq!(line.body(), ANSWER);
    }
    let version = format!("wasmtime serve {}", peer::version());
    for (connections, goal) in GOALS {
        let mut sides = [
            Side::new("airlock", host.id(), ours.clone()),
            Side::new(&version, peer.id(), theirs.clone()),
            Side::new("no host around it", bare.id(), without.clone()),
        ];
        for side in &sides {
            closed(&side.target, connections, WARM).await;
        }
        for _ in 0..TURNS {
            for side in &mut sides {
                side.run(connections, length).await;
            }
        }
        report(connections, goal, &sides);
    }
    assert!(host.stop().success());
    drop((peer, bare));
    one_thread::measure().await;
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
fn report(connections: usize, goal: f64, sides: &[Side; 3]) {
    println!("\n{connections} connections");
    sides.iter().for_each(Side::print);
    let [ours, theirs, without] = sides.each_ref().map(|side| &side.load);
    let times = ours.rate() / theirs.rate();
    let errors = ours.errors + theirs.errors + without.errors;
    println!(
        "→ {times:.2} times the peer's requests/s, p50 x {:.2}, p99 x {:.2}; asked for: {goal} times, no errors: {}",
        ratio(&ours.times, &theirs.times, 50.0),
        ratio(&ours.times, &theirs.times, 99.0),
        if times >= goal && errors == 0 {
            "met"
        } else {
            "MISSED"
        }
    );
    println!(
        "  without a host it is {:.2} times the peer's; this host reaches {:.0} % of that",
        without.rate() / theirs.rate(),
        100.0 * ours.rate() / without.rate()
    );
}
