//! 50 kills at random moments while events come in: whatever was acknowledged is there afterwards.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;

use crate::support::clients::CloudClient;
use crate::support::{Ask, Place, ProcessHost, TestInstall, keys};

const ROUNDS: usize = 50;
const SENDERS: usize = 6;

/// What Cloud knows of an event that it sent.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Told {
    /// Sent; the answer did not come.
    Perhaps,
    /// Answered with 200.
    Surely,
}

/// What Cloud knows of an install.
#[derive(Debug, Clone, Copy)]
struct Known {
    install: Told,
    uninstall: Option<Told>,
}

#[derive(Default)]
struct Book {
    next: AtomicUsize,
    installs: Mutex<BTreeMap<usize, Known>>,
}

fn install(number: usize) -> TestInstall {
    TestInstall::new(&number.to_string())
}

impl Book {
    fn note(&self, number: usize, change: impl FnOnce(&mut Known)) {
        let mut installs = self.installs.lock().unwrap();
        change(installs.entry(number).or_insert(Known {
            install: Told::Perhaps,
            uninstall: None,
        }));
    }

    /// Sends installs, and uninstalls every other one, until the host is gone.
    async fn load(&self, cloud: &CloudClient) {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            self.note(number, |_| {});
            if !tell(cloud, &install(number).install()).await {
                return;
            }
            self.note(number, |known| known.install = Told::Surely);
            if number.is_multiple_of(2) {
                continue;
            }
            self.note(number, |known| known.uninstall = Some(Told::Perhaps));
            if !tell(cloud, &install(number).uninstall()).await {
                return;
            }
            self.note(number, |known| known.uninstall = Some(Told::Surely));
        }
    }

    /// Asserts that every acknowledged event is there. Answers how many installs the host knows.
    async fn check(&self, host: &ProcessHost) -> usize {
        let report = host.report("/installs").await;
        let lines = report.as_array().unwrap();
        let statuses: HashMap<&str, &str> = lines.iter().map(of_line).collect();
        assert_eq!(statuses.len(), lines.len(), "an install stands there twice");
        for (number, known) in self.installs.lock().unwrap().iter() {
            let status = statuses.get(install(*number).id.as_str()).copied();
            let sound: &[Option<&str>] = match (known.install, known.uninstall) {
                (_, Some(Told::Surely)) => &[Some("uninstalled")],
                (_, Some(Told::Perhaps)) => &[Some("uninstalled"), Some("pending")],
                (Told::Surely, None) => &[Some("pending")],
                (Told::Perhaps, None) => &[Some("pending"), None],
            };
            assert!(
                sound.contains(&status),
                "install {number}: {known:?}, but it is {status:?}"
            );
        }
        lines.len()
    }
}

fn of_line(line: &Value) -> (&str, &str) {
    (
        line["installed_app_id"].as_str().unwrap(),
        line["status"].as_str().unwrap(),
    )
}

/// Sends an event; answers whether it was acknowledged. Only a killed host does not.
async fn tell(cloud: &CloudClient, event: &Value) -> bool {
    match cloud
        .http
        .try_send(Ask::post(&cloud.callback).json(event))
        .await
    {
        Ok(answer) => {
            assert_eq!(answer.status, 200, "{}", answer.text());
            true
        }
        Err(_) => false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_50_kills_under_load_every_acknowledged_event_is_there() {
    // Nothing listens there: no key is ever proven, and none refused.
    let place = Place::new(&"http://127.0.0.1:9/".parse().unwrap()).dud("kyc");
    let book = Arc::new(Book::default());
    let (mut rounds_with_events, mut cut) = (0, 0);
    for _ in 0..ROUNDS {
        let host = place.serve().await;
        book.check(&host).await;
        let cloud = host.cloud("kyc").await;
        let before = book.next.load(Ordering::Relaxed);
        let mut senders = JoinSet::new();
        for _ in 0..SENDERS {
            let (book, cloud) = (Arc::clone(&book), cloud.clone());
            senders.spawn(async move { book.load(&cloud).await });
        }
        let [moment] = keys::random::<1>();
        tokio::time::sleep(Duration::from_millis(u64::from(moment))).await;
        host.kill();
        senders.join_all().await;
        rounds_with_events += usize::from(book.next.load(Ordering::Relaxed) > before + SENDERS);
        let installs = book.installs.lock().unwrap();
        cut = installs
            .values()
            .filter(|known| known.install == Told::Perhaps)
            .count();
    }
    // The test is worth something only if the kills fell into the work.
    assert!(
        rounds_with_events > ROUNDS / 2,
        "{rounds_with_events} rounds with events"
    );
    assert!(cut > 0, "no event was cut short");

    let host = place.serve().await;
    let count = book.check(&host).await;
    let cloud = host.cloud("kyc").await;
    let known: Vec<_> = book
        .installs
        .lock()
        .unwrap()
        .iter()
        .map(|(n, known)| (*n, *known))
        .collect();
    // Cloud sends again what was not acknowledged; what was is answered as before, and changes nothing.
    for (number, known) in known {
        assert!(tell(&cloud, &install(number).install()).await);
        book.note(number, |known| known.install = Told::Surely);
        if known.uninstall.is_some() {
            assert!(tell(&cloud, &install(number).uninstall()).await);
            book.note(number, |known| known.uninstall = Some(Told::Surely));
        }
    }
    let total = book.check(&host).await;
    assert!(
        total >= count && total == book.installs.lock().unwrap().len(),
        "{total} of {count}"
    );
}
