//! S6: what an honest app and install callbacks feel of a neighbor that uses up all it may have.
//!
//! App A does its worst in one way after the other, with as many calls as get in, for four installs at once. App B is asked
//! for a small call at a fixed pace, whether or not the last one is answered; a time counts from when the call was due, so
//! waiting for one's turn counts too. The same with new installs that Cloud tells of. `--seconds N` sets the length of each
//! attack.
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
#[expect(dead_code, reason = "of which this bench needs a part")]
mod load;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use airlock_cloud_sim::{CloudSim, Options};
use airlock_tests::measure::{Times, heading, line, ratio, seconds, shown};
use tokio::task::JoinSet;

use it::support::{Place, Portal, ProcessHost, TestInstall};
use load::{Line, Target};

/// Between two calls of B, and between two events.
const PACE: Duration = Duration::from_millis(10);
const EVENTS: Duration = Duration::from_millis(250);
/// Installs of A: one gets at most half of the app's permits.
const INSTALLS: u8 = 4;
/// Pause of an attacker who was told that the app is busy: the sandbox is measured, not how fast the door says no.
const TOLD_BUSY: Duration = Duration::from_millis(100);
/// S6: most milliseconds and most times more than alone at p99, whichever is more; and the events' p99.
const MOST_MORE: Duration = Duration::from_millis(10);
const MOST_TIMES: f64 = 1.5;
const MOST_OF_EVENTS: Duration = Duration::from_millis(250);

/// What A does, and over how many connections.
const ATTACKS: [(&str, usize); 6] = [
    ("loop", 64),
    ("memory", 64),
    ("calls", 64),
    ("log", 64),
    ("slow", 1_000),
    ("store", 64),
];

/// What came back at a fixed pace.
#[derive(Default)]
struct Paced {
    times: Times,
    errors: usize,
}

/// Asks at a pace until told to stop, each time the next of the targets. Runs on a thread of its own, so that nothing of
/// this program keeps it waiting.
fn paced(targets: Vec<Target>, pace: Duration, stop: Arc<AtomicBool>) -> Paced {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async move {
        let (mut asked, mut free): (JoinSet<_>, Vec<Line>) = (JoinSet::new(), Vec::new());
        let mut paced = Paced::default();
        let mut settle = |ended: Option<(Duration, Option<Line>)>, free: &mut Vec<Line>| {
            let Some((time, line)) = ended else { return };
            paced.times.add(time);
            match line {
                Some(line) => free.push(line),
                None => paced.errors += 1,
            }
        };
        let begun = Instant::now();
        let mut turns = targets.iter().cycle();
        for number in 0_u32.. {
            let due = begun + pace * number;
            while Instant::now() < due {
                tokio::select! {
                    () = tokio::time::sleep_until(due.into()) => {}
                    Some(ended) = asked.join_next() => settle(ended.ok(), &mut free),
                }
            }
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let target = turns.next().expect("a target").clone();
            let line = free.pop();
            asked.spawn(async move {
                let line = ask(&target, line).await;
                (due.elapsed(), line)
            });
        }
        while let Some(ended) = asked.join_next().await {
            settle(ended.ok(), &mut free);
        }
        paced
    })
}

/// Gives the line back if the answer was 200.
async fn ask(target: &Target, line: Option<Line>) -> Option<Line> {
    let mut line = match line {
        Some(line) => line,
        None => Line::open(target).await.ok()?,
    };
    let status = line.ask(target).await.ok()?;
    (status == 200).then_some(line)
}

/// One connection of A's.
async fn attacker(target: Target, stop: Arc<AtomicBool>) -> BTreeMap<u16, usize> {
    let mut told = BTreeMap::new();
    while !stop.load(Ordering::Relaxed) {
        let Ok(mut line) = Line::open(&target).await else {
            *told.entry(0).or_default() += 1;
            tokio::time::sleep(TOLD_BUSY).await;
            continue;
        };
        while !stop.load(Ordering::Relaxed) {
            let Ok(status) = line.ask(&target).await else {
                *told.entry(0).or_default() += 1;
                break;
            };
            *told.entry(status).or_default() += 1;
            if status == 503 {
                tokio::time::sleep(TOLD_BUSY).await;
            }
        }
    }
    told
}

/// The host and who asks it.
struct Scene {
    origin: String,
    /// Of A, one for each install.
    portals: Vec<Portal>,
    honest: Target,
    callback: String,
    app_id: String,
    /// So that every event is of a new install.
    told: u32,
}

impl Scene {
    /// B and the events for so long; with an attack beside them.
    async fn run(&mut self, attack: Option<(&str, usize)>, length: Duration) -> Outcome {
        let stop = Arc::new(AtomicBool::new(false));
        let mut attackers = JoinSet::new();
        if let Some((misdeed, connections)) = attack {
            for portal in self.portals.iter().cycle().take(connections) {
                let target = target(&self.origin, portal, misdeed, "");
                attackers.spawn(attacker(target, stop.clone()));
            }
            // Until it is in full swing.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let calm = Arc::new(AtomicBool::new(false));
        let (honest, until) = (self.honest.clone(), calm.clone());
        let calls = tokio::task::spawn_blocking(move || paced(vec![honest], PACE, until));
        let (events, until) = (self.events(length), calm.clone());
        let events = tokio::task::spawn_blocking(move || paced(events, EVENTS, until));
        tokio::time::sleep(length).await;
        calm.store(true, Ordering::Relaxed);
        let (calls, events) = (calls.await.unwrap(), events.await.unwrap());
        stop.store(true, Ordering::Relaxed);
        let mut answers = BTreeMap::new();
        while let Some(told) = attackers.join_next().await {
            for (status, count) in told.unwrap() {
                *answers.entry(status).or_default() += count;
            }
        }
        Outcome {
            calls,
            events,
            answers,
        }
    }

    /// Enough installs to tell of for that long, and some more.
    fn events(&mut self, length: Duration) -> Vec<Target> {
        let count = length.as_millis() / EVENTS.as_millis() + 4;
        (0..count)
            .map(|_| {
                self.told += 1;
                let install = TestInstall::new(&format!("told_{}", self.told)).app(&self.app_id);
                let body = install.install().to_string();
                let json = [("Content-Type", "application/json")];
                Target::new(&self.origin, "POST", &self.callback, &json, &body)
            })
            .collect()
    }
}

struct Outcome {
    calls: Paced,
    events: Paced,
    /// What A was told: statuses, and 0 for a broken connection.
    answers: BTreeMap<u16, usize>,
}

fn target(origin: &str, portal: &Portal, path: &str, body: &str) -> Target {
    let headers = [
        ("Content-Type", "application/json"),
        ("Sec-Fetch-Site", "same-origin"),
        ("Cookie", portal.cookie.as_str()),
    ];
    Target::new(origin, "POST", &portal.api(path), &headers, body)
}

/// Opens a portal for each of the first instances.
async fn portals(host: &ProcessHost, sim: &CloudSim, app_id: &str, count: usize) -> Vec<Portal> {
    let mut portals = Vec::new();
    for instance in sim.instance_ids().iter().take(count) {
        let install = sim.install_on(app_id, instance, &["data:read"]).await;
        let install = install.unwrap().installed_app_id;
        host.until_status(&install, "active").await;
        let address = sim.launch(&install).await.unwrap();
        portals.push(Portal::open(&host.http, &address).await);
    }
    portals
}

#[tokio::main(worker_threads = 1)]
async fn main() {
    heading("neighbour: an honest app and install callbacks beside one that does its worst");
    airlock_host::listener::raise_descriptor_limit();
    let length = seconds(60);
    let sim = CloudSim::start(Options {
        extra_instances: INSTALLS - 1,
        ..Options::default()
    });
    let sim = sim.await.unwrap();
    let place = Place::new(&sim.api_url())
        .package("probes/tally")
        .package("probes/rowdy")
        .set("AIRLOCK_LISTENER__CONNECTIONS", "2048")
        .set("AIRLOCK_LISTENER__CONNECTIONS_PER_ADDRESS", "2048");
    let host = place.serve().await;
    let (rowdy, tally) = (
        host.register(&sim, "rowdy").await,
        host.register(&sim, "tally").await,
    );
    let origin = place.origin().trim_start_matches("http://").to_owned();
    let honest = portals(&host, &sim, &tally, 1).await.remove(0);
    let mut scene = Scene {
        honest: target(
            &origin,
            &honest,
            "tally",
            r#"{"transactions": [{"reference": "ref_1", "currency": "USD", "amount": 125}]}"#,
        ),
        portals: portals(&host, &sim, &rowdy, INSTALLS.into()).await,
        callback: host.cloud("tally").await.callback,
        app_id: tally,
        origin,
        told: 0,
    };

    let mut alone = Outcome {
        calls: Paced::default(),
        events: Paced::default(),
        answers: BTreeMap::new(),
    };
    let mut beside = Vec::new();
    for attack in ATTACKS {
        // Alone before each: what the machine does otherwise must not fall on one side only.
        let calm = scene.run(None, length / 3).await;
        alone.calls.times.extend(calm.calls.times);
        alone.events.times.extend(calm.events.times);
        alone.calls.errors += calm.calls.errors;
        alone.events.errors += calm.events.errors;
        beside.push((attack.0, scene.run(Some(attack), length).await));
    }
    assert!(host.stop().success());
    report(&alone, &beside);
}

fn report(alone: &Outcome, beside: &[(&str, Outcome)]) {
    println!("\nB alone, errors {}", alone.calls.errors);
    line("a call of B", &alone.calls.times);
    line("an install callback", &alone.events.times);
    let solo = alone.calls.times.percentile(99.0);
    let most = solo.mul_f64(MOST_TIMES).max(solo + MOST_MORE);
    for (misdeed, outcome) in beside {
        let answers = outcome.answers.iter().map(|(status, count)| match status {
            0 => format!("{count} x broken"),
            status => format!("{count} x {status}"),
        });
        let answers: Vec<_> = answers.collect();
        println!(
            "\nA's misdeed: {misdeed}; A was told {}",
            answers.join(", ")
        );
        line("a call of B", &outcome.calls.times);
        line("an install callback", &outcome.events.times);
        let p99 = outcome.calls.times.percentile(99.0);
        let events = outcome.events.times.percentile(99.0);
        let errors = alone.calls.errors + outcome.calls.errors + outcome.events.errors;
        println!(
            "→ B's p99 x {:.2}, at most {} asked for: {}; callback p99, at most {}: {}; {errors} errors: {}",
            ratio(&outcome.calls.times, &alone.calls.times, 99.0),
            shown(most),
            verdict(p99 <= most),
            shown(MOST_OF_EVENTS),
            verdict(events <= MOST_OF_EVENTS),
            verdict(errors == 0),
        );
    }
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}
