//! 500 replacements of a serving app in 60 s under 200 requests/s: failures, resets, and how soon the last one is live (S9).
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
    pub(crate) mod event;
    pub(crate) mod http;
    pub(crate) mod keys;
    pub(crate) mod packages;
    pub(crate) mod place;
    pub(crate) mod poll;
    pub(crate) mod process;
}

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use airlock_cloud_sim::{CloudSim, Options};
use airlock_tests::measure::{Times, heading, line, shown};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use self::support::clients::Portal;
use self::support::packages;
use self::support::place::Place;

const RENAMES: u32 = 500;
const TIME: Duration = Duration::from_mins(1);
const REQUESTS_PER_SECOND: u32 = 200;
/// S9: what was renamed last is live within this time.
const GOAL: Duration = Duration::from_secs(1);

/// What the calls of the portal came to.
#[derive(Default)]
struct Calls {
    times: Times,
    /// Answers that are not 200, by their status.
    failures: Vec<u16>,
    /// Connections that ended without an answer.
    resets: Vec<String>,
    /// Versions in the order in which answers first carried them, each change once.
    versions: Vec<String>,
}

#[tokio::main]
async fn main() {
    heading("reload: an app that is replaced all the time, under load");
    let sim = CloudSim::start(Options::default()).await.unwrap();
    let place = Place::new(&sim.api_url()).package("kyc");
    let host = place.serve().await;
    let app = host.register(&sim, "kyc").await;
    let install = sim.install(&app, &["data:read"]).await.unwrap();
    host.until_status(&install.installed_app_id, "active").await;
    let address = sim.launch(&install.installed_app_id).await.unwrap();
    let portal = Portal::open(&host.http, &address).await;
    let other = other_version(&place.plugins());
    // Both versions once, so that both were compiled before.
    let mut digests = vec![digest(&portal).await];
    exchange(&other, &place.plugins());
    digests.push(until_another(&portal, &digests[0]).await);

    let quiet = Arc::new(Mutex::new(Calls::default()));
    load(&portal, &quiet, Duration::from_secs(5)).await;
    let calls = Arc::new(Mutex::new(Calls::default()));
    let loading = {
        let (portal, calls) = (portal.clone(), Arc::clone(&calls));
        tokio::spawn(async move { load(&portal, &calls, TIME).await })
    };
    let mut ticks = interval(TIME / RENAMES);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let begun = Instant::now();
    for _ in 0..RENAMES {
        ticks.tick().await;
        exchange(&other, &place.plugins());
    }
    let (took, renamed) = (begun.elapsed(), Instant::now());
    // What lies in the place by now is the one or the other, by the number of renames.
    let last = &digests[(1 + RENAMES as usize) % 2];
    support::poll::until("what was renamed last is live", async || {
        (digest(&portal).await == *last).then_some(())
    })
    .await;
    let live = renamed.elapsed();
    loading.await.unwrap();

    let quiet = quiet.lock().unwrap();
    let calls = calls.lock().unwrap();
    line("call, nothing is replaced", &quiet.times);
    line("call, while the app is replaced", &calls.times);
    let seen: BTreeSet<&String> = calls.versions.iter().collect();
    println!(
        "{RENAMES} renames in {:.1} s; {} requests, {} failures, {} resets; {} swaps seen by answers, of {} versions",
        took.as_secs_f64(),
        calls.times.count() + calls.failures.len() + calls.resets.len(),
        calls.failures.len(),
        calls.resets.len(),
        calls.versions.len().saturating_sub(1),
        seen.len(),
    );
    println!(
        "→ worst latency {} ({} without replacements)",
        shown(calls.times.percentile(100.0)),
        shown(quiet.times.percentile(100.0))
    );
    println!(
        "→ S9 asks for 1 s from the last rename to live: {} ({})",
        if live <= GOAL { "met" } else { "MISSED" },
        shown(live)
    );
    assert_eq!((&calls.failures, &calls.resets), (&Vec::new(), &Vec::new()));
    assert!(seen.len() == 2, "both versions were to be seen");
    assert!(host.stop().success());
}

/// Calls at an even rate, whether those before are answered or not.
async fn load(portal: &Portal, calls: &Arc<Mutex<Calls>>, time: Duration) {
    let mut ticks = interval(Duration::from_secs(1) / REQUESTS_PER_SECOND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut running = JoinSet::new();
    let end = Instant::now() + time;
    while Instant::now() < end {
        ticks.tick().await;
        let (portal, calls) = (portal.clone(), Arc::clone(calls));
        running.spawn(async move {
            let begun = Instant::now();
            let answer = portal.http.try_send(portal.ask("GET", "me")).await;
            let mut calls = calls.lock().unwrap();
            match answer {
                Ok(answer) if answer.status == 200 => {
                    calls.times.add(begun.elapsed());
                    let version = answer
                        .header("airlock-digest")
                        .expect("a digest")
                        .to_owned();
                    if calls.versions.last() != Some(&version) {
                        calls.versions.push(version);
                    }
                }
                Ok(answer) => calls.failures.push(answer.status),
                Err(error) => calls.resets.push(format!("{error:?}")),
            }
        });
    }
    running.join_all().await;
}

/// A second version beside the folder of packages.
fn other_version(plugins: &Path) -> PathBuf {
    let staging = plugins.join(".staging");
    packages::lay(&packages::package("kyc"), &staging, "kyc");
    let package = staging.join("kyc");
    std::fs::write(package.join("ui/version.txt"), "another").unwrap();
    package
}

fn exchange(version: &Path, plugins: &Path) {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let place = plugins.join("kyc");
    renameat_with(CWD, version, CWD, &place, RenameFlags::EXCHANGE).unwrap();
}

async fn digest(portal: &Portal) -> String {
    let answer = portal.get("me").await.expect(200);
    answer
        .header("airlock-digest")
        .expect("a digest")
        .to_owned()
}

async fn until_another(portal: &Portal, than: &str) -> String {
    support::poll::until("another version is live", async || {
        Some(digest(portal).await).filter(|digest| digest != than)
    })
    .await
}
