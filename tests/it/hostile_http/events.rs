//! Events and launches at bad moments and from strangers.

use std::time::{Duration, Instant};

use airlock_cloud_sim::RequestRecord;
use airlock_host::store::installs::Status;
use sqlx::Connection as _;

use super::place;
use super::raw::Raw;
use crate::support::{Ask, ProcessHost, TestHost, TestInstall, database, poll};

/// An event that can't be stored is answered by then (I34); Cloud gives up after 10 s.
const RULED: Duration = Duration::from_secs(8);
/// A pause between looks at how late the machine is.
const PROBE: Duration = Duration::from_millis(100);

/// Ids and states of the installs, in order.
async fn lines(host: &ProcessHost) -> Vec<(String, String)> {
    let report = host.report("/installs").await;
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let lines = report.as_array().unwrap().iter();
    let mut lines: Vec<_> = lines
        .map(|line| (text(&line["installed_app_id"]), text(&line["status"])))
        .collect();
    lines.sort();
    lines
}

fn request(address: &str, body: &str) -> String {
    format!(
        "POST {address} HTTP/1.1\r\nHost: {{host}}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn i24_a_fresh_key_after_a_cancelled_install_is_a_second_attempt_that_proves_itself() {
    let host = TestHost::setup().dud("kyc").start().await;
    let cloud = host.cloud("kyc").await;
    let live = host.live_install("1", &["data:read"]).await;
    // The first key died with the install that Cloud gave up; the second comes under the same install and event.
    let cancelled = TestInstall::new("1").instance(&live.instance);
    assert_eq!(
        (&cancelled.id, &cancelled.install()["idempotency_key"]),
        (&live.id, &live.install()["idempotency_key"])
    );
    cloud.event(&cancelled.install()).await.expect(200);
    assert_eq!(host.status(&live.id).await.as_deref(), Some("pending"));
    cloud.event(&live.install()).await.expect(200);
    let active = async || {
        let installs = host.installs().await;
        let mut found = installs.iter().filter(|line| line.status == "active");
        let first = found.next()?;
        assert!(found.next().is_none());
        Some(first.api_key_prefix.clone())
    };
    let prefix = poll::until("the second key is active", active).await;
    assert!(live.key.starts_with(&prefix), "{prefix}");
    // A third key under the same event does not take the place of one that lives, though it lives too.
    let third = host.live_install("1", &["data:read"]).await;
    assert_eq!((&third.id, &third.instance), (&live.id, &live.instance));
    cloud.event(&third.install()).await.expect(200);
    let judged = host.until_judged(&third.id, 3).await;
    assert_eq!((judged.status, judged.proof), (Status::Pending, None));
    let requests = host.sim.requests();
    let of_third = |request: &&RequestRecord| {
        let prefix = request.api_key_prefix.as_deref();
        prefix.is_some_and(|prefix| third.key.starts_with(prefix))
    };
    let seen = requests.iter().find(of_third).expect("Cloud was asked");
    assert_eq!(seen.status, Some(200), "the third key is live");
    cloud
        .ask_launch(&live.launch())
        .await
        .problem(503, "app-not-serving");
    assert_eq!(active().await, Some(prefix));
}

#[tokio::test]
async fn i31_a_forged_launch_is_the_one_404_and_makes_no_token() {
    let host = TestHost::setup().package("probes/echo").start().await;
    let cloud = host.cloud("echo").await;
    let install = host.live_install("1", &["data:read"]).await;
    host.activate("echo", &install).await;
    let unknown = host.http.send(Ask::get("/no/such/path")).await.expect(404);
    let secret = cloud.portal.rsplit('/').next().unwrap();
    let callback_secret = cloud.callback.rsplit('/').next().unwrap();
    let mut changed = secret.to_owned();
    let last = changed.pop().unwrap();
    changed.push(if last == 'A' { 'B' } else { 'A' });
    // Everything about the install is known but the secret.
    for address in [
        "/api/portal/echo".to_owned(),
        "/api/portal/echo/".to_owned(),
        format!("/api/portal/echo/{}", "A".repeat(43)),
        format!("/api/portal/echo/{changed}"),
        format!("/api/portal/echo/{callback_secret}"),
        format!("/api/portal/{secret}"),
        format!("/api/portal/echo/{secret}/x"),
        format!("/api/portal/echo/?secret={secret}"),
        format!("/api/callback/echo/{secret}"),
    ] {
        let answer = host
            .http
            .send(Ask::post(&address).json(&install.launch()))
            .await;
        assert_eq!(
            (answer.status, answer.text()),
            (404, unknown.text()),
            "{address:.24}"
        );
    }
    let by_header = Ask::post("/api/portal/echo/x").header("authorization", secret);
    let by_header = host.http.send(by_header.json(&install.launch())).await;
    assert_eq!(by_header.status, 404);
    cloud.launch(&install.launch()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i34_a_database_locked_for_6_s_is_503_in_time_and_the_event_can_come_again() {
    let place = place();
    let host = place.serve().await;
    let cloud = host.cloud("kyc").await;
    let event = TestInstall::new("1").install();
    let mut other = database::connect(&place.data()).await;
    let lock = other.begin_with("begin immediate").await.unwrap();
    let begun = Instant::now();
    let mut waiting = tokio::spawn({
        let (cloud, event) = (cloud.clone(), event.clone());
        async move { (cloud.event(&event).await, begun.elapsed()) }
    });
    // Meanwhile looks at the same address, which need no database: how late this very machine is by itself.
    let mut lateness = Duration::ZERO;
    let (answer, took) = loop {
        let asked = Instant::now();
        if let Ok(done) = tokio::time::timeout(PROBE, &mut waiting).await {
            break done.unwrap();
        }
        host.http.send(Ask::get(&cloud.callback)).await.expect(200);
        lateness = lateness.max(asked.elapsed().saturating_sub(PROBE));
    };
    answer.problem(503, "unavailable");
    assert!(answer.header("retry-after").is_some());
    // Sending, the deadline's own wake and reading the answer may each be as late as the worst look was.
    assert!(
        took <= RULED + 3 * lateness.max(PROBE),
        "{took:?}, where looks were late by {lateness:?}"
    );
    if let Some(rest) = Duration::from_secs(6).checked_sub(begun.elapsed()) {
        tokio::time::sleep(rest).await;
    }
    lock.rollback().await.unwrap();
    // What is late is dropped, not stored behind the answer's back.
    assert_eq!(lines(&host).await, []);
    cloud.event(&event).await.expect(200);
    cloud.event(&event).await.expect(200);
    assert_eq!(lines(&host).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn i35_a_client_that_leaves_before_the_answer_leaves_all_or_nothing() {
    let place = place();
    let host = place.serve().await;
    let cloud = host.cloud("kyc").await;
    let event = |number: usize| TestInstall::new(&format!("{number:02}")).install();
    for number in 0..40 {
        let whole = request(&cloud.callback, &event(number).to_string());
        // Every other one leaves in the middle of its body.
        let sent = if number % 2 == 0 {
            &whole[..]
        } else {
            &whole[..whole.len() - 1]
        };
        let mut raw = Raw::connect(&place.origin()).await;
        raw.send(sent).await;
        drop(raw);
    }
    // A request that came later is answered later: what was begun before has got through by then, or never will.
    cloud.event(&event(90)).await.expect(200);
    let stored = lines(&host).await;
    for (id, status) in &stored {
        let number: usize = id.trim_start_matches("instapp_").parse().unwrap();
        assert!(number.is_multiple_of(2), "{id} was stored from half a body");
        assert_eq!(status, "pending", "{id}");
    }
    for number in 0..40 {
        cloud.event(&event(number)).await.expect(200);
    }
    let mut ids: Vec<String> = lines(&host).await.into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), 41);
    ids.dedup();
    assert_eq!(ids.len(), 41, "each of them once");
}

#[tokio::test(flavor = "multi_thread")]
async fn i36_an_event_whose_answer_a_kill_took_is_answered_when_it_comes_again() {
    let place = place();
    let host = place.serve().await;
    let cloud = host.cloud("kyc").await;
    let event = TestInstall::new("1").install();
    let mut raw = Raw::connect(&place.origin()).await;
    raw.send(&request(&cloud.callback, &event.to_string()))
        .await;
    // Stored, and its answer never read.
    poll::until("the event is stored", async || {
        (lines(&host).await.len() == 1).then_some(())
    })
    .await;
    host.kill();
    drop(raw);
    let host = place.serve().await;
    assert_eq!(lines(&host).await.len(), 1);
    let again = host.cloud("kyc").await.event(&event).await.expect(200);
    assert_eq!(again.text(), r#"{"ok":true}"#);
    assert_eq!(lines(&host).await.len(), 1);
}
