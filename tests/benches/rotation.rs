//! How long it takes to seal 10,000 keys anew while the host goes on receiving events (K4: at most 60 s, none refused).
//!
//! `cargo bench -p airlock-tests --bench rotation`; any other way of running it, such as by `cargo test`, takes 300.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench ends by a panic and prints figures"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use airlock_host::config::DatabaseUrl;
use airlock_host::install::{Event, Installs, Receipt};
use airlock_host::model::{Slug, SystemClock};
use airlock_host::secret::{Keyring, SecretList};
use airlock_host::store::Database;
use secrecy::ExposeSecret as _;

#[tokio::main]
async fn main() {
    let whole = std::env::args().any(|argument| argument == "--bench");
    let rows = if whole { 10_000 } else { 300 };
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(folder.path().join("bench.db"));
    let database = Database::open(&url);
    let (old, new) = (generated(1), generated(2));
    let keyring = |list: &str| Keyring::new(SecretList::parse('k', &list.into()).unwrap()).unwrap();
    let clock = Arc::new(SystemClock::new());
    let ring = Arc::new(keyring(&old));
    let installs = Installs::open(database.await.unwrap(), ring, clock, BTreeMap::new());
    let installs = installs.await.unwrap();
    let begun = Instant::now();
    for number in 0..rows {
        receive(&installs, &format!("row_{number}")).await;
    }
    println!(
        "{rows} installs stored in {:.1} s",
        begun.elapsed().as_secs_f64()
    );

    installs
        .exchange_keys(keyring(&format!("{new},{old}")))
        .await
        .unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn(events(installs.clone(), stop.clone()));
    let begun = Instant::now();
    let (mut resealed, mut steps, mut longest) = (0, 0, Duration::ZERO);
    loop {
        let step_begun = Instant::now();
        let done = installs.rotate().await.unwrap();
        if done.resealed == 0 {
            assert_eq!((done.remaining, done.marked), (0, 0));
            break;
        }
        longest = longest.max(step_begun.elapsed());
        (resealed, steps) = (resealed + done.resealed, steps + 1);
    }
    let took = begun.elapsed();
    stop.store(true, Ordering::SeqCst);
    let (events, slowest) = load.await.unwrap();
    assert_eq!(
        resealed,
        rows + 2,
        "every key, the check record and a fingerprint key"
    );
    installs.exchange_keys(keyring(&new)).await.unwrap();
    println!(
        "{resealed} values sealed anew in {:.2} s ({steps} steps, the longest {} ms); \
         meanwhile {events} events were stored, none refused, the slowest in {} ms",
        took.as_secs_f64(),
        longest.as_millis(),
        slowest.as_millis()
    );
    if whole {
        assert!(
            took <= Duration::from_mins(1),
            "K4 wants 10,000 rows in 60 s"
        );
    }
}

/// Events one after the other; each must be stored.
async fn events(installs: Installs, stop: Arc<AtomicBool>) -> (u64, Duration) {
    let (mut count, mut slowest) = (0, Duration::ZERO);
    while !stop.load(Ordering::SeqCst) {
        let begun = Instant::now();
        receive(&installs, &format!("load_{count}")).await;
        slowest = slowest.max(begun.elapsed());
        count += 1;
    }
    (count, slowest)
}

async fn receive(installs: &Installs, name: &str) {
    let body = format!(
        r#"{{"installed_app_id":"{name}","app_id":"app_1","instance_id":"inst_{name}",
            "api_key":"blnk_key_of_{name}_0123456789","granted_permissions":["data:read"],
            "idempotency_key":"install:{name}"}}"#
    );
    let event = Event::parse(body.as_bytes(), None).unwrap();
    let slug = Slug::parse("kyc").unwrap();
    assert_eq!(
        installs.receive(&slug, event).await.unwrap(),
        Receipt::Stored
    );
}

fn generated(id: u32) -> String {
    let secret = SecretList::generate('k', id);
    #[expect(clippy::disallowed_methods, reason = "a key of this bench alone")]
    secret.expose_secret().to_owned()
}
