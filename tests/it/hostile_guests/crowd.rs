//! Many at once: sleepers, requests beyond what an app may run, and clients that leave in the middle.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::corpus::{Corpus, calls_of, lay, place, process_figure};
use crate::support::{Answer, Portal, long, poll};

/// How long a call of `h50_slow` takes.
const SLOW: Duration = Duration::from_millis(300);

/// A host with one app of the corpus, and its portals in two installs.
async fn with_two_installs(
    name: &str,
    manifest: &str,
    variables: &[(&str, &str)],
) -> (Corpus, [Portal; 2]) {
    let (sim, mut place) = place().await;
    for (variable, value) in variables {
        place = place.set(variable, value);
    }
    lay(&place, [(name, manifest)]);
    let mut corpus = Corpus::start(sim, place).await;
    let app = super::corpus::slug(name);
    let first = corpus.open(&app, &["data:read"]).await;
    let other = corpus.sim.instance_ids().pop().unwrap();
    let install = corpus.install_on(&app, &other, &["data:read"]).await;
    let second = corpus.portal(&install).await;
    (corpus, [first, second])
}

/// Sends so many requests at once, by turns of the two portals.
async fn at_once(portals: &[Portal; 2], count: usize) -> Vec<Answer> {
    let calls = (0..count).map(|number| {
        let portal = portals[number % 2].clone();
        tokio::spawn(async move { portal.get("at-once").await })
    });
    let answers = join_all(calls.collect::<Vec<_>>()).await;
    answers.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn h50_of_a_thousand_requests_at_once_an_app_runs_16_and_the_rest_is_told_to_come_again() {
    let (corpus, portals) = with_two_installs("h50_slow", "", &[]).await;
    let begun = Instant::now();
    let flood = at_once(&portals, 1_000);
    let healthy = async {
        tokio::time::sleep(SLOW / 2).await;
        corpus
            .assert_healthy("a flood of requests to another app")
            .await;
    };
    let (answers, ()) = tokio::join!(flood, healthy);
    let (served, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.status == 200);
    // Each takes its place for so long, and there are 16.
    let rounds = begun.elapsed().as_millis() / SLOW.as_millis() + 1;
    assert!(served.len() >= 80, "{}", served.len());
    assert!(
        served.len() as u128 <= 16 * rounds,
        "{} in {rounds}",
        served.len()
    );
    assert!(!refused.is_empty());
    for answer in refused {
        answer.problem(503, "app-busy");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    corpus.assert_healthy("the flood").await;
    corpus.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_h26_a_thousand_sleepers_hold_no_thread() {
    // More than the host lets run at once, so that its own ceiling is what counts.
    let room = [
        ("AIRLOCK_LIMITS__RUNNING", "1024"),
        ("AIRLOCK_LIMITS__WAITING", "2048"),
    ];
    let (corpus, portals) = with_two_installs("h26_sleep", "[limits]\nwall_ms = 1000", &room).await;
    let id = corpus.host.id();
    // What the host starts when it is first needed is no matter of sleepers.
    at_once(&portals, 4).await;
    let before = process_figure(id, "Threads");
    let over = Arc::new(AtomicBool::new(false));
    let watch = {
        let over = Arc::clone(&over);
        tokio::task::spawn_blocking(move || {
            let mut most = 0;
            while !over.load(Ordering::SeqCst) {
                most = most.max(process_figure(id, "Threads"));
                std::thread::sleep(Duration::from_millis(5));
            }
            most
        })
    };
    let answers = at_once(&portals, 1_000).await;
    over.store(true, Ordering::SeqCst);
    assert_eq!(watch.await.unwrap(), before);
    let slept = answers.iter().filter(|answer| answer.status == 504).count();
    let waited = answers.iter().filter(|answer| answer.status == 503).count();
    assert_eq!(slept + waited, 1_000);
    assert!(slept >= 256, "{slept}");
    corpus.assert_healthy("the sleepers").await;
    corpus.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn h48_clients_that_leave_in_the_middle_leave_nothing_behind() {
    let (corpus, portals) = with_two_installs("h50_slow", "", &[]).await;
    let files = || {
        fs::read_dir(format!("/proc/{}/fd", corpus.host.id()))
            .unwrap()
            .count()
    };
    let before = files();
    for _ in 0..long::times(5, 250) {
        let leaving = (0..40).map(|number| {
            let portal = portals[number % 2].clone();
            tokio::spawn(async move {
                let call = portal.get("left");
                let _ = tokio::time::timeout(Duration::from_millis(100), call).await;
            })
        });
        join_all(leaving.collect::<Vec<_>>()).await;
    }
    let abandoned = || {
        let calls = calls_of(&corpus.place, "h50-slow").into_iter();
        calls.filter(|call| call["outcome"] == "abandoned").count()
    };
    // Far more than there are permits: had they been lost, nothing could run now.
    poll::until("enough calls were abandoned", async || {
        (abandoned() >= long::times(50, 4_000)).then_some(())
    })
    .await;
    for answer in at_once(&portals, 16).await {
        answer.expect(200);
    }
    poll::until("the connections are closed", async || {
        // Connections that the last calls keep open.
        (files() <= before + 20).then_some(())
    })
    .await;
    corpus.assert_healthy("clients that left").await;
    corpus.stop();
}
