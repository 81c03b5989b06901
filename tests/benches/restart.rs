//! How long a host needs from its start until it is ready, with 1,000 installs (W4 asks for 2 s).
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

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use airlock_host::config::DatabaseUrl;
use airlock_host::install::{Accepted, Event, Installs};
use airlock_host::model::{InstallId, Slug, SystemClock};
use airlock_host::secret::{Keyring, SecretList};
use airlock_host::store::Database;
use airlock_host::store::installs::Proof;
use airlock_tests::measure::{Times, heading, line, ratio, shown};

use self::support::event::TestInstall;
use self::support::http::{Ask, Http};
use self::support::place::Place;

const INSTALLS: usize = 1000;
const STARTS: usize = 20;
/// W4: ready again within this time.
const GOAL: Duration = Duration::from_secs(2);

#[tokio::main]
async fn main() {
    heading("restart: from the start of the program to readiness");
    let nowhere = "http://127.0.0.1:9/".parse().unwrap();
    let (empty, full) = (
        Place::new(&nowhere).dud("kyc"),
        Place::new(&nowhere).dud("kyc"),
    );
    assert!(full.run(&["migrate"]).status.success());
    fill(&full).await;
    let (mut bare, mut without, mut with) = (Times::default(), Times::default(), Times::default());
    for _ in 0..STARTS {
        bare.time(|| {
            let run = empty.command(&["--version"]).stdout(Stdio::null()).status();
            assert!(run.expect("airlock starts").success());
        });
        start(&empty, &mut without).await;
        start(&full, &mut with).await;
    }
    line("the program that says its version", &bare);
    line("ready with no install", &without);
    line(&format!("ready with {INSTALLS} active installs"), &with);
    println!(
        "→ {INSTALLS} installs make a start {:.2} times as long (median); each key is opened once to see that it can be",
        ratio(&with, &without, 50.0)
    );
    let p99 = with.percentile(99.0);
    println!(
        "→ W4 asks for 2 s: {} ({} at worst)",
        if p99 <= GOAL { "met" } else { "MISSED" },
        shown(p99)
    );
}

/// Starts a host, asks every millisecond whether it is ready, and kills it.
async fn start(place: &Place, times: &mut Times) {
    let begun = Instant::now();
    let mut child = place
        .command(&["serve"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("airlock starts");
    let operator = Http::new(&place.admin_origin());
    loop {
        let ready = operator.try_send(Ask::get("/ready")).await;
        if ready.is_ok_and(|answer| answer.status == 200) {
            break;
        }
        assert!(begun.elapsed() < GOAL * 10, "the host is not ready");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    times.add(begun.elapsed());
    child.kill().expect("a living child");
    child.wait().expect("a dead child");
}

/// Stores and activates the installs of a place while no host runs there.
async fn fill(place: &Place) {
    let file = place.data().join("airlock.db");
    let url = DatabaseUrl::parse(&format!("sqlite://{}", file.display())).unwrap();
    let keys = SecretList::parse('k', &place.master_keys.clone().into()).unwrap();
    let installs = Installs::open(
        Database::open(&url).await.unwrap(),
        Arc::new(Keyring::new(keys).unwrap()),
        Arc::new(SystemClock::new()),
        BTreeMap::new(),
    );
    let installs = installs.await.unwrap();
    let slug = Slug::parse("kyc").unwrap();
    for number in 0..INSTALLS {
        let install = TestInstall::new(&number.to_string());
        let event = Event::parse(install.install().to_string().as_bytes(), None).unwrap();
        installs.receive(&slug, event).await.unwrap();
        let id = InstallId::parse(&install.id).unwrap();
        let attempt = installs.provable(&id, 1).await.unwrap().unwrap();
        let accepted = installs.accept(attempt, Proof::Answered, None).await;
        assert_eq!(accepted.unwrap(), Accepted::Active);
    }
    installs.database().close().await;
}
