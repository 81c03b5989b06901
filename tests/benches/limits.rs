//! S2 and S3: how far hostile guests get beyond their CPU time and their time on the clock.
//!
//! A thousand calls each of a loop (H01), of bulk operations (H47) and of short calls that look idle (H51), as a histogram of
//! the CPU time beyond the budget; then a thousand sleepers at once, as the time beyond theirs. The host's own records of
//! the calls are what is counted. A bulk operation is not interrupted, so H47 may take one of them longer: what the same
//! filling takes here, natively and of memory that is as fresh as a call's, is measured in the same run.
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

use std::time::{Duration, Instant};

use airlock_cloud_sim::{CloudSim, Options};
use airlock_test_guests::Probe;
use airlock_tests::measure::{Times, heading, line, shown};
use futures_util::future::join_all;
use serde_json::Value;
use wasmtime::{Config, Engine, Memory, MemoryType, Store};

use it::support::packages::lay_component;
use it::support::{Place, Portal, ProcessHost};

/// Guests whose CPU time ends them.
const BUSY: [&str; 3] = ["h01_loop", "h47_fill", "h51_short_calls"];
/// Their budget, far below the default to save time: what comes on top does not depend on it.
const BUDGET: Duration = Duration::from_millis(20);
/// An app that fails five times in a minute is shut, so that many copies fail four times each.
const COPIES: usize = 250;
const CALLS: usize = 4;
/// Bytes that one operation of H47 fills.
const FILLED: usize = 60 << 20;
/// Sleepers at once, and their time.
const SLEEPERS: usize = 1_000;
const WALL: Duration = Duration::from_secs(1);
/// S2: two ticks at p99, and never more than this. S3: this much at p99.
const MOST_TICKS: Duration = Duration::from_millis(2);
const MOST_CPU: Duration = Duration::from_millis(50);
const MOST_WALL: Duration = Duration::from_millis(50);

/// What one operation of H47 takes at p99.
#[expect(
    clippy::disallowed_methods,
    reason = "memory as Wasmtime gives it to guests, without a guest"
)]
fn one_fill() -> Duration {
    let mut times = Times::default();
    let mut config = Config::new();
    config.wasm_gc(false).gc_support(false);
    let engine = Engine::new(&config).unwrap();
    for _ in 0..100 {
        let mut store = Store::new(&engine, ());
        let pages = MemoryType::new(u32::try_from(FILLED >> 16).unwrap(), None);
        let memory = Memory::new(&mut store, pages).unwrap();
        let begun = Instant::now();
        std::hint::black_box(memory.data_mut(&mut store)).fill(1);
        times.add(begun.elapsed());
    }
    line("one operation of H47, natively", &times);
    times.percentile(99.0)
}

fn slug(name: &str, copy: usize) -> String {
    format!("{}-{copy}", name.split('_').next().unwrap())
}

/// Lays down so many copies of a guest.
fn lay(place: &Place, probe: &Probe, copies: usize, manifest: &str) {
    let component = probe.component();
    for copy in 0..copies {
        let slug = slug(&probe.name, copy);
        lay_component(&place.plugins(), &slug, manifest, &component);
    }
}

async fn open(host: &ProcessHost, sim: &CloudSim, slug: &str) -> Portal {
    let app_id = host.register(sim, slug).await;
    let install = sim.install(&app_id, &["data:read"]).await.unwrap();
    let address = sim.launch(&install.installed_app_id).await.unwrap();
    Portal::open(&host.http, &address).await
}

/// What the calls of a guest's copies used, by their records: those that ended so.
fn used(place: &Place, name: &str, outcome: &str, figure: &str) -> Times {
    let beginning = format!("{}-", name.split('_').next().unwrap());
    let mut times = Times::default();
    for text in place.log_text().lines() {
        let Ok(record) = serde_json::from_str::<Value>(text) else {
            continue;
        };
        let ours = record["app"]
            .as_str()
            .is_some_and(|app| app.starts_with(&beginning));
        if ours && record["outcome"] == outcome {
            times.add(Duration::from_micros(record[figure].as_u64().unwrap()));
        }
    }
    times
}

/// What went beyond a limit.
fn beyond(times: &Times, limit: Duration) -> Times {
    let mut beyond = Times::default();
    for time in times.iter() {
        beyond.add(time.saturating_sub(limit));
    }
    beyond
}

fn histogram(times: &Times) {
    let edges = [1, 2, 3, 5, 10, 20, 50, u64::MAX].map(Duration::from_millis);
    let mut from = Duration::ZERO;
    for edge in edges {
        let count = times
            .iter()
            .filter(|time| (from..edge).contains(time))
            .count();
        if count > 0 {
            let to = if edge == edges[7] {
                "more".to_owned()
            } else {
                shown(edge)
            };
            println!(
                "    {:>9} to {to:<9} {count:>5}  {}",
                shown(from),
                "#".repeat(count.div_ceil(20))
            );
        }
        from = edge;
    }
}

fn verdict(goal: &str, holds: bool) {
    println!("    {goal}: {}", if holds { "held" } else { "NOT held" });
}

async fn measure() {
    let sim = CloudSim::start(Options::default()).await.unwrap();
    let place = Place::new(&sim.api_url())
        .set("AIRLOCK_LOG__FORMAT", "json")
        .set("AIRLOCK_LIMITS__RUNNING", "1024")
        .set("AIRLOCK_LIMITS__WAITING", "2048");
    let probes = airlock_test_guests::probes();
    let probe = |name: &str| probes.iter().find(|probe| probe.name == name).expect(name);
    let cpu = format!("[limits]\ncpu_ms = {}", BUDGET.as_millis());
    for name in BUSY {
        lay(&place, probe(name), COPIES, &cpu);
    }
    let wall = format!("[limits]\nwall_ms = {}", WALL.as_millis());
    lay(&place, probe("h26_sleep"), 1, &wall);
    let host = place.serve().await;

    for name in BUSY {
        for copy in 0..COPIES {
            let portal = open(&host, &sim, &slug(name, copy)).await;
            for _ in 0..CALLS {
                assert_eq!(portal.get("call").await.status, 504);
            }
        }
        let over = beyond(&used(&place, name, "cpu", "cpu_us"), BUDGET);
        line(&format!("CPU time beyond the budget, {name}"), &over);
        histogram(&over);
        let operation = if name == "h47_fill" {
            one_fill()
        } else {
            Duration::ZERO
        };
        let most = MOST_TICKS + operation;
        let held = over.percentile(99.0) <= most && over.percentile(100.0) <= MOST_CPU;
        let goal = format!(
            "S2, p99 within 2 ticks and one operation ({}), no more than 50 ms",
            shown(most)
        );
        verdict(&goal, held);
    }

    let portal = open(&host, &sim, &slug("h26_sleep", 0)).await;
    let calls = (0..SLEEPERS).map(|_| portal.get("sleep"));
    join_all(calls.collect::<Vec<_>>()).await;
    let over = beyond(&used(&place, "h26_sleep", "wall", "wall_us"), WALL);
    line("time beyond the limit, sleepers", &over);
    verdict("S3, p99 within 50 ms", over.percentile(99.0) <= MOST_WALL);
    assert!(host.stop().success());
}

fn main() {
    heading("What hostile guests use beyond their limits");
    tokio::runtime::Runtime::new().unwrap().block_on(measure());
}
