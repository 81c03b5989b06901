//! Dropped in, replaced, removed, broken and mended.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{exchange, live, shown, until_another, version};
use crate::support::{Ask, TestHost, packages, poll};

/// The digest of what `echo` serves.
async fn digest(host: &TestHost) -> String {
    let report = host.report("echo").await.expect("the app");
    report.sha256.expect("a digest")
}

#[tokio::test]
async fn an_older_page_is_served_until_the_sessions_that_saw_it_have_ended() {
    let host = TestHost::setup().package("probes/echo").start().await;
    let install = host.install("echo", &["data:read"]).await;
    let portal = host.open(&install).await;
    let old = shown(&portal).await;
    let file = async |digest: &str| {
        let path = format!("/ui/echo/{digest}/main.js");
        host.http.send(Ask::get(&path)).await.status
    };
    exchange(&version(&host.plugins(), "echo", 2), &host.plugins());
    let new = until_another(&portal, &old).await;
    // The open page works on, by calls to the version that is live and by files of its own.
    assert_eq!((file(&old).await, file(&new).await), (200, 200));
    let later = host.open(&install).await;
    assert_eq!(shown(&later).await, new);
    // A session lives for 15 minutes.
    host.clock.advance(Duration::from_secs(15 * 60 + 1));
    portal.get("seen").await.problem(410, "session-expired");
    assert_eq!((file(&old).await, file(&new).await), (404, 200));
}

#[tokio::test]
async fn a_page_that_nobody_was_shown_goes_with_its_version() {
    let host = TestHost::setup().package("probes/echo").start().await;
    let install = host.install("echo", &["data:read"]).await;
    let old = digest(&host).await;
    exchange(&version(&host.plugins(), "echo", 2), &host.plugins());
    poll::until("the new version serves", async || {
        (digest(&host).await != old).then_some(())
    })
    .await;
    host.clock.advance(Duration::from_secs(11));
    host.open(&install).await;
    let path = format!("/ui/echo/{old}/main.js");
    host.http.send(Ask::get(&path)).await.expect(404);
}

#[tokio::test]
async fn a_call_in_flight_ends_on_the_version_that_it_began_on() {
    let host = TestHost::setup().package("probes/echo").start().await;
    let install = host.install("echo", &["data:read"]).await;
    let portal = host.open(&install).await;
    let old = live(&portal).await;
    let slow = {
        let portal = portal.clone();
        tokio::spawn(async move { portal.get("slow/4000").await })
    };
    poll::until("the slow call runs", async || {
        let calls = portal.get("calls").await.expect(200).text();
        calls.contains("slow/4000").then_some(())
    })
    .await;
    exchange(&version(&host.plugins(), "echo", 2), &host.plugins());
    let begun = Instant::now();
    until_another(&portal, &old).await;
    println!(
        "live {} ms after the rename (goal: 1000)",
        begun.elapsed().as_millis()
    );
    assert!(!slow.is_finished(), "the call was to be in flight");
    assert_eq!(slow.await.unwrap().expect(200).json(), json!(4000));
}

#[tokio::test]
async fn an_app_that_is_dropped_in_gets_its_addresses_and_can_be_installed() {
    let host = TestHost::setup().start().await;
    assert_eq!(host.apps(), json!([]));
    packages::lay(&packages::package("probes/echo"), &host.plugins(), "echo");
    poll::until("it serves and has its addresses", async || {
        let report = host.report("echo").await?;
        (report.status == "serving" && report.callback_url.is_some()).then_some(())
    })
    .await;
    let install = host.install("echo", &["data:read"]).await;
    host.open(&install).await.get("seen").await.expect(200);
}

#[tokio::test]
async fn a_removed_app_serves_nobody_takes_events_and_serves_again_when_it_is_back() {
    let host = TestHost::setup().package("probes/echo").start().await;
    let install = host.install("echo", &["data:read"]).await;
    let cloud = host.cloud("echo").await;
    let portal = host.open(&install).await;
    let (place, away) = (host.plugins().join("echo"), host.plugins().join(".away"));
    fs::rename(&place, &away).unwrap();
    poll::until("the app is gone", async || {
        (host.apps() == json!([])).then_some(())
    })
    .await;
    portal.get("seen").await.problem(503, "app-not-serving");
    assert_eq!(portal.page().await.status, 503);
    let another = host.live_install("2", &["data:read"]).await;
    let another = another.app(&install.app_id);
    cloud.event(&another.install()).await.expect(200);
    cloud.event(&another.uninstall()).await.expect(200);
    fs::rename(&away, &place).unwrap();
    poll::until("the same session is served again", async || {
        (portal.get("seen").await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_broken_package_leaves_the_old_one_serving_with_the_reason_and_a_mended_one_serves() {
    let host = TestHost::setup().package("probes/echo").start().await;
    let install = host.install("echo", &["data:read"]).await;
    let portal = host.open(&install).await;
    let old = live(&portal).await;
    let broken = version(&host.plugins(), "echo", 2);
    fs::write(broken.join("app.wasm"), "no component").unwrap();
    exchange(&broken, &host.plugins());
    let app = poll::until("the reason is told", async || {
        let app = host.apps()[0].clone();
        app["reason"].is_string().then_some(app)
    })
    .await;
    assert_eq!(
        (&app["status"], &app["version"]),
        (&json!("serving"), &json!("0.1.0"))
    );
    assert!(
        app["reason"].as_str().unwrap().contains("not WebAssembly"),
        "{app}"
    );
    assert_eq!(live(&portal).await, old);
    exchange(&version(&host.plugins(), "echo", 3), &host.plugins());
    until_another(&portal, &old).await;
    let app = host.apps()[0].clone();
    assert_eq!(
        (&app["reason"], &app["version"]),
        (&json!(null), &json!("3.0.0"))
    );
}
