//! How long Cloud waits for the answer to an install event (W1): alone, and while the portal is under load.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench ends by a panic, and prints"
)]

#[expect(dead_code, reason = "a bench needs a part of it")]
#[path = "../it/support"]
mod support {
    pub(crate) mod clients;
    pub(crate) mod database;
    pub(crate) mod event;
    pub(crate) mod http;
    pub(crate) mod keys;
    pub(crate) mod packages;
    pub(crate) mod place;
    pub(crate) mod poll;
    pub(crate) mod process;
}

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use airlock_cloud_sim::{CloudSim, Options};
use airlock_tests::measure::{Times, heading, line, ratio, shown};
use tokio::task::JoinSet;

use self::support::clients::{CloudClient, Portal};
use self::support::database;
use self::support::event::TestInstall;
use self::support::place::Place;

/// W1: an event is answered within this time, 99 times of 100.
const GOAL: Duration = Duration::from_millis(250);
const EVENTS: usize = 1000;
/// Calls of the portal at once.
const CALLERS: usize = 8;

#[tokio::main]
async fn main() {
    heading("events: the answer to an install event, on SQLite");
    let sim = CloudSim::start(Options::default()).await.unwrap();
    let place = Place::new(&sim.api_url()).package("probes/echo");
    let host = place.serve().await;
    let app = host.register(&sim, "echo").await;
    let install = sim.install(&app, &["data:read"]).await.unwrap();
    host.until_status(&install.installed_app_id, "active").await;
    let cloud = host.cloud("echo").await;

    let commits = bare_commits().await;
    let alone = events(&cloud, &app, 0).await;
    let (stop, calls) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let mut callers = JoinSet::new();
    let begun = Instant::now();
    for _ in 0..CALLERS {
        let address = sim.launch(&install.installed_app_id).await.unwrap();
        let portal = Portal::open(&host.http, &address).await;
        let (stop, calls) = (Arc::clone(&stop), Arc::clone(&calls));
        callers.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let answer = portal.get("seen/bench").await;
                calls.fetch_add(usize::from(answer.status == 200), Ordering::Relaxed);
            }
        });
    }
    let loaded = events(&cloud, &app, EVENTS).await;
    stop.store(true, Ordering::Relaxed);
    callers.join_all().await;
    let answered = u32::try_from(calls.load(Ordering::Relaxed)).expect("some thousands");
    let rate = f64::from(answered) / begun.elapsed().as_secs_f64();

    line("bare commit of one row, synced", &commits);
    line("event, the host alone", &alone);
    line(&format!("event, beside {rate:.0} portal calls/s"), &loaded);
    println!(
        "→ an event costs {:.1} times a bare commit (median); under load {:.1} times itself at p50, {:.1} times at p99",
        ratio(&alone, &commits, 50.0),
        ratio(&loaded, &alone, 50.0),
        ratio(&loaded, &alone, 99.0)
    );
    let p99 = alone.percentile(99.0).max(loaded.percentile(99.0));
    println!(
        "→ W1 asks for 250 ms at p99: {} ({})",
        if p99 <= GOAL { "met" } else { "MISSED" },
        shown(p99)
    );
    assert!(
        calls.load(Ordering::Relaxed) > 0,
        "the portal answered nothing"
    );
}

/// Install events one after the other, each of an install of its own.
async fn events(cloud: &CloudClient, app: &str, from: usize) -> Times {
    let mut times = Times::default();
    for number in from..from + EVENTS {
        let event = TestInstall::new(&format!("b{number}")).app(app).install();
        let begun = Instant::now();
        let answer = cloud.event(&event).await;
        times.add(begun.elapsed());
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    times
}

/// The peer: what the same disk takes for one committed and synced row.
async fn bare_commits() -> Times {
    use sqlx::Executor as _;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("airlock.db"), []).unwrap();
    let mut connection = database::connect(folder.path()).await;
    connection
        .execute(
            "pragma journal_mode = wal; pragma synchronous = full; create table bench (text text)",
        )
        .await
        .unwrap();
    let mut times = Times::default();
    for _ in 0..EVENTS {
        let begun = Instant::now();
        connection
            .execute("insert into bench values (hex(randomblob(512)))")
            .await
            .unwrap();
        times.add(begun.elapsed());
    }
    times
}
