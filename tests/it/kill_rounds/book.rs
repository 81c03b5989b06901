//! What Cloud knows of the events that it sent to a host that is killed again and again.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::support::clients::CloudClient;
use crate::support::{Ask, ProcessHost, TestInstall};

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

/// Installs that nobody's key was ever issued for, all of one app.
pub(super) struct Book {
    app: String,
    next: AtomicUsize,
    installs: Mutex<BTreeMap<usize, Known>>,
}

impl Book {
    pub(super) fn new(app: &str) -> Self {
        Self {
            app: app.to_owned(),
            next: AtomicUsize::new(0),
            installs: Mutex::default(),
        }
    }

    fn install(&self, number: usize) -> TestInstall {
        TestInstall::new(&number.to_string()).app(&self.app)
    }

    /// How many installs were begun.
    pub(super) fn begun(&self) -> usize {
        self.next.load(Ordering::Relaxed)
    }

    /// How many installs were told and not acknowledged.
    pub(super) fn cut_short(&self) -> usize {
        let installs = self.installs.lock().unwrap();
        let cut = installs.values();
        cut.filter(|known| known.install == Told::Perhaps).count()
    }

    fn note(&self, number: usize, change: impl FnOnce(&mut Known)) {
        let mut installs = self.installs.lock().unwrap();
        change(installs.entry(number).or_insert(Known {
            install: Told::Perhaps,
            uninstall: None,
        }));
    }

    /// Sends installs, and uninstalls every other one, until the host is gone.
    pub(super) async fn load(&self, cloud: &CloudClient) {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            self.note(number, |_| {});
            if !tell(cloud, &self.install(number).install()).await {
                return;
            }
            self.note(number, |known| known.install = Told::Surely);
            if number.is_multiple_of(2) {
                continue;
            }
            self.note(number, |known| known.uninstall = Some(Told::Perhaps));
            if !tell(cloud, &self.install(number).uninstall()).await {
                return;
            }
            self.note(number, |known| known.uninstall = Some(Told::Surely));
        }
    }

    /// Asserts that every acknowledged event is there. Answers how many installs the host knows.
    pub(super) async fn check(&self, host: &ProcessHost) -> usize {
        let report = host.report("/installs").await;
        let lines = report.as_array().unwrap().iter();
        let lines: Vec<_> = lines.map(of_line).filter(|(id, _)| is_ours(id)).collect();
        let statuses: HashMap<&str, &str> = lines.iter().copied().collect();
        assert_eq!(statuses.len(), lines.len(), "an install stands there twice");
        for (number, known) in self.installs.lock().unwrap().iter() {
            let status = statuses.get(self.install(*number).id.as_str()).copied();
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

    /// Cloud sends again what was not acknowledged; what was is answered as before, and changes nothing.
    pub(super) async fn send_again(&self, cloud: &CloudClient) {
        let known: Vec<_> = {
            let installs = self.installs.lock().unwrap();
            installs.iter().map(|(n, known)| (*n, *known)).collect()
        };
        for (number, known) in known {
            assert!(tell(cloud, &self.install(number).install()).await);
            self.note(number, |known| known.install = Told::Surely);
            if known.uninstall.is_some() {
                assert!(tell(cloud, &self.install(number).uninstall()).await);
                self.note(number, |known| known.uninstall = Some(Told::Surely));
            }
        }
    }
}

/// Installs of this book are numbered; others that a test makes are not.
fn is_ours(id: &str) -> bool {
    let number = id.strip_prefix("instapp_").unwrap_or_default();
    number.len() < 8 && number.bytes().all(|digit| digit.is_ascii_digit())
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
