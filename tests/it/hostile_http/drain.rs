//! The end of a host under load.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::place;
use super::raw::Raw;
use crate::support::{Ask, TestInstall, poll};

#[tokio::test(flavor = "multi_thread")]
async fn r1_a_stop_under_load_fails_no_request_and_readiness_goes_first() {
    let place = place();
    let host = place.serve().await;
    let cloud = host.cloud("kyc").await;
    let origin = place.origin();
    // 50 clients that ask again and again on a connection each, until they are told that it closes.
    let mut clients = JoinSet::new();
    for _ in 0..50 {
        let (origin, target) = (origin.clone(), cloud.callback.clone());
        clients.spawn(async move {
            let mut raw = Raw::connect(&origin).await;
            let mut answered = 0;
            loop {
                let answer = raw.get(&target).await;
                let answer = answer.unwrap_or_else(|| panic!("failed after {answered}"));
                assert_eq!(answer.status, 200);
                answered += 1;
                if answer.headers.get("connection").map(String::as_str) == Some("close") {
                    raw.assert_closed().await;
                    return answered;
                }
            }
        });
    }
    // An event of which half is on its way.
    let event = TestInstall::new("1").install().to_string();
    let (first, second) = event.split_at(event.len() / 2);
    let mut slow = Raw::connect(&origin).await;
    slow.send(&format!(
        "POST {} HTTP/1.1\r\nHost: {{host}}\r\nContent-Length: {}\r\n\r\n{first}",
        cloud.callback,
        event.len()
    ))
    .await;
    for _ in 0..100 {
        host.http.send(Ask::get("/airlock.js")).await.expect(200);
    }
    let begun = Instant::now();
    host.begin_stop();
    poll::until("the host is not ready", async || {
        let ready = host.admin.send(Ask::get("/ready")).await;
        (ready.status == 503).then_some(())
    })
    .await;
    // Not ready any more, and yet what was begun is answered.
    host.admin.send(Ask::get("/health")).await.expect(200);
    slow.send(second).await;
    let answer = slow.answer().await.expect("the event is answered");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["connection"], "close");
    slow.assert_closed().await;
    let answered = clients.join_all().await;
    assert_eq!(answered.len(), 50);
    assert!(answered.iter().all(|count| *count > 0));
    assert!(host.ended().success());
    assert!(
        begun.elapsed() <= Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
    let host = place.serve().await;
    assert_eq!(host.report("/installs").await.as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_file_descriptors_nothing_ends_and_nothing_spins() {
    let few = ["sh", "-c", "ulimit -n 64; exec \"$0\" \"$@\""];
    let place = place().set("AIRLOCK_LOG__FILTER", "warn").under(&few);
    let host = place.serve().await;
    let origin = place.origin();
    let mut crowd = Vec::new();
    for _ in 0..100 {
        crowd.push(Raw::connect(&origin).await);
    }
    poll::until("the host is told that it has none", async || {
        place
            .log_text()
            .contains("can't take connections at the moment")
            .then_some(())
    })
    .await;
    // It goes on: those that wait are closed in time, and give their place to others.
    drop(crowd);
    poll::until("the host answers again", async || {
        let mut raw = Raw::connect(&origin).await;
        raw.get("/airlock.js").await
    })
    .await;
    let told = place
        .log_text()
        .matches("can't take connections at the moment")
        .count();
    assert!(told <= 5, "told {told} times");
    assert!(host.stop().success());
}
