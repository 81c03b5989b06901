//! Kills while KYC records decisions: each was recorded once, or can be brought to its end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use airlock_cloud_sim::{CloudSim, Options};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::book::Book;
use super::random_moment;
use crate::support::{Place, Portal, database, long};

const ROUNDS: usize = 40;
const ROUNDS_LONG: usize = 1000;
/// Reviewers, each with an identity of their own.
const REVIEWERS: usize = 3;
/// Senders of events beside them.
const SENDERS: usize = 2;

/// A decision that was sent.
struct Decision {
    identity: String,
    /// Unlike any other's.
    reason: String,
    acknowledged: bool,
}

/// What the reviewers have done.
struct Desk {
    sim: CloudSim,
    identities: Vec<String>,
    next: AtomicUsize,
    /// Of this round.
    round: Mutex<Vec<Decision>>,
    /// Of all rounds: by identity how many were begun.
    begun: Mutex<BTreeMap<String, usize>>,
    /// By identity how often its metadata was written, and up to which request that was counted.
    written: Mutex<(u64, BTreeMap<String, usize>)>,
    finished: AtomicUsize,
    resumed: AtomicUsize,
}

impl Desk {
    /// Decides about one identity again and again, until the host is gone.
    async fn review(&self, portal: &Portal, identity: &str) {
        let detail = format!("identities/{identity}");
        loop {
            let Ok(before) = portal.http.try_send(portal.ask("GET", &detail)).await else {
                return;
            };
            let version = before.expect(200).json()["version"].clone();
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let reason = format!("Reviewed as number <{number}>");
            let body = json!({ "decision": "review", "reason": reason, "version": version });
            self.note_begun(identity, &reason);
            let ask = portal.ask("POST", &format!("{detail}/decision"));
            let sent = portal.http.try_send(ask.json(&body));
            let Ok(answer) = sent.await else { return };
            answer.expect(200);
            self.note_acknowledged(&reason);
        }
    }

    fn note_begun(&self, identity: &str, reason: &str) {
        self.round.lock().unwrap().push(Decision {
            identity: identity.to_owned(),
            reason: reason.to_owned(),
            acknowledged: false,
        });
        let mut begun = self.begun.lock().unwrap();
        *begun.entry(identity.to_owned()).or_default() += 1;
    }

    fn note_acknowledged(&self, reason: &str) {
        let mut round = self.round.lock().unwrap();
        let mut found = round.iter_mut().filter(|one| one.reason == reason);
        found.next().unwrap().acknowledged = true;
    }

    /// Brings to an end what a kill has cut, then asserts that every decision of the round is there once.
    async fn check(&self, portal: &Portal) {
        let mut histories = BTreeMap::new();
        for identity in &self.identities {
            let path = format!("identities/{identity}");
            let mut detail = portal.get(&path).await.expect(200).json();
            if !detail["unfinished"].is_null() {
                self.resumed.fetch_add(1, Ordering::Relaxed);
                let resumed = portal.post(&format!("{path}/resume"), &json!({})).await;
                detail = resumed.expect(200).json();
            }
            assert_eq!(detail["unfinished"], Value::Null);
            histories.insert(identity.clone(), detail["history"].to_string());
        }
        let alerts: Vec<String> = self.sim.alerts().iter().map(Value::to_string).collect();
        for decision in self.round.lock().unwrap().drain(..) {
            let count = |text: &String| text.matches(&decision.reason).count();
            let recorded = count(&histories[&decision.identity]);
            let raised: usize = alerts.iter().map(count).sum();
            assert!(recorded <= 1, "{} stands there twice", decision.reason);
            assert!(raised <= 1, "{}: {raised} alerts", decision.reason);
            assert!(
                recorded == 1 || !decision.acknowledged,
                "{} was acknowledged and is gone",
                decision.reason
            );
            assert!(
                raised == 1 || !decision.acknowledged,
                "{} was acknowledged without its alert",
                decision.reason
            );
            assert!(raised <= recorded, "{}: an alert alone", decision.reason);
            self.finished.fetch_add(recorded, Ordering::Relaxed);
        }
        self.count_writes();
    }

    /// Asserts that no decision wrote its metadata twice.
    fn count_writes(&self) {
        let mut written = self.written.lock().unwrap();
        let (last, counts) = &mut *written;
        for write in self.sim.writes() {
            let applied = write.path.contains("metadata") && write.status.is_none_or(|s| s < 300);
            if write.seq <= *last || !applied {
                continue;
            }
            let mut ours = self.identities.iter();
            if let Some(identity) = ours.find(|id| write.path.contains(*id)) {
                *counts.entry(identity.clone()).or_default() += 1;
            }
        }
        *last = self.sim.writes().last().map_or(*last, |write| write.seq);
        let begun = self.begun.lock().unwrap();
        for (identity, count) in counts {
            let decisions = begun.get(identity).copied().unwrap_or(0);
            assert!(
                *count <= decisions,
                "{identity}: {count} metadata writes for {decisions} decisions"
            );
        }
    }
}

/// Lets reviewers and senders work until the host is killed under them.
async fn one_round(place: &Place, desk: &Arc<Desk>, book: &Arc<Book>, install: &str) {
    let host = place.serve().await;
    book.check(&host).await;
    let address = desk.sim.launch(install).await.unwrap();
    let portal = Portal::open(&host.http, &address).await;
    desk.check(&portal).await;
    let cloud = host.cloud("kyc").await;
    let mut work = JoinSet::new();
    for identity in desk.identities.clone() {
        let (desk, portal) = (Arc::clone(desk), portal.clone());
        work.spawn(async move { desk.review(&portal, &identity).await });
    }
    for _ in 0..SENDERS {
        let (book, cloud) = (Arc::clone(book), cloud.clone());
        work.spawn(async move { book.load(&cloud).await });
    }
    random_moment().await;
    host.kill();
    work.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn w4_killed_while_decisions_are_recorded_none_is_lost_and_none_done_twice() {
    let rounds = if long::is_wanted() {
        ROUNDS_LONG
    } else {
        ROUNDS
    };
    let sim = CloudSim::start(Options::default()).await.unwrap();
    let place = Place::new(&sim.api_url()).package("kyc");
    let host = place.serve().await;
    let app = host.register(&sim, "kyc").await;
    let granted = ["data:read", "data:write", "alerts:write"];
    let install = sim.install(&app, &granted).await.unwrap().installed_app_id;
    host.until_status(&install, "active").await;
    host.kill();
    let people = sim.identities().into_iter().take(REVIEWERS);
    let desk = Arc::new(Desk {
        identities: people
            .map(|one| one["identity_id"].as_str().unwrap().to_owned())
            .collect(),
        sim,
        next: AtomicUsize::new(0),
        round: Mutex::default(),
        begun: Mutex::default(),
        written: Mutex::default(),
        finished: AtomicUsize::new(0),
        resumed: AtomicUsize::new(0),
    });
    let book = Arc::new(Book::new(&app));
    let begun = Instant::now();
    for round in 1..=rounds {
        one_round(&place, &desk, &book, &install).await;
        if round.is_multiple_of(50) {
            database::assert_sound(&place.data()).await;
            println!(
                "W4: {round} kills after {:.0} s",
                begun.elapsed().as_secs_f32()
            );
        }
    }
    database::assert_sound(&place.data()).await;
    let host = place.serve().await;
    book.check(&host).await;
    let address = desk.sim.launch(&install).await.unwrap();
    desk.check(&Portal::open(&host.http, &address).await).await;
    let (finished, resumed) = (
        desk.finished.load(Ordering::Relaxed),
        desk.resumed.load(Ordering::Relaxed),
    );
    println!(
        "W4: {rounds} kills in {:.0} s, {finished} decisions recorded, {resumed} of them resumed after a kill, \
         {} events begun",
        begun.elapsed().as_secs_f32(),
        book.begun()
    );
    // The test is worth something only if the kills fell into the work.
    assert!(finished > rounds / 4, "{finished} decisions recorded");
    if long::is_wanted() {
        assert!(resumed > 0, "no kill cut a decision in two");
    }
}
