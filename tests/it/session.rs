//! Sessions: what they open, and how they end.

use std::time::Duration;

use airlock_test_database::{TestDatabase, on_both};
use serde_json::json;

use crate::support::clients::{exchange, token_of};
use crate::support::{Answer, Ask, Portal, TestHost};

on_both!(
    a_session_past_its_time_is_410,
    a_session_ends_with_its_install,
    i39_a_session_opens_nothing_but_its_own_address,
    i38_looking_at_a_launch_address_uses_nothing_up,
);

const LAUNCH_AGAIN: &str = "Launch the app again";

async fn echo(database: TestDatabase) -> TestHost {
    TestHost::setup()
        .on(database)
        .package("probes/echo")
        .start()
        .await
}

/// The answers of a dead session: a problem on its API, a page on its shell, both with the same status.
#[track_caller]
fn assert_over(api: &Answer, page: &Answer, status: u16, kind: &str) {
    assert_eq!(api.problem(status, kind)["title"], LAUNCH_AGAIN);
    assert_eq!(page.status, status);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(page.text().contains(LAUNCH_AGAIN), "{}", page.text());
}

async fn a_session_past_its_time_is_410(database: TestDatabase) {
    let host = echo(database).await;
    let install = host.install("echo", &["data:read"]).await;
    let portal = host.open(&install).await;
    host.clock.advance(Duration::from_mins(14));
    portal.get("seen/in/time").await.expect(200);
    portal.page().await.expect(200);
    host.clock.advance(Duration::from_secs(61));
    assert_over(
        &portal.get("seen/late").await,
        &portal.page().await,
        410,
        "session-expired",
    );
    // No renewal: asking did not make it longer, and the app saw only the first call.
    let fresh = host.open(&install).await;
    assert_eq!(
        fresh.get("calls").await.expect(200).json(),
        json!(["GET seen/in/time"])
    );
}

async fn a_session_ends_with_its_install(database: TestDatabase) {
    let host = echo(database).await;
    let install = host.install("echo", &["data:read"]).await;
    let portal = host.open(&install).await;
    let unused = token_of(&host.sim.launch(&install.installed_app_id).await.unwrap());
    portal.get("seen/before").await.expect(200);
    host.sim.uninstall(&install.installed_app_id).await.unwrap();
    assert_over(
        &portal.get("seen/after").await,
        &portal.page().await,
        401,
        "no-session",
    );
    host.http
        .send(exchange(&unused))
        .await
        .problem(401, "launch-invalid");
    assert_ne!(portal.remount().await.status, 200);

    // A new install of the same app in the same place does not bring the old session back.
    let again = host.install("echo", &["data:read"]).await;
    let fresh = host.open(&again).await;
    portal.get("seen/later").await.problem(401, "no-session");
    assert_eq!(fresh.get("calls").await.expect(200).json(), json!([]));
}

async fn i39_a_session_opens_nothing_but_its_own_address(database: TestDatabase) {
    let host = echo(database).await;
    let install = host.install("echo", &["data:read"]).await;
    let (one, two) = (host.open(&install).await, host.open(&install).await);
    assert_ne!(one.sid, two.sid);
    let value = one.cookie.split_once('=').unwrap().1;
    for cookie in [
        one.cookie.clone(),
        format!("__Host-airlock_{}={value}", two.sid),
        format!("airlock_{}={value}", two.sid),
        format!("__Host-airlock_{}=", two.sid),
        "none=at-all".to_owned(),
    ] {
        let api = Ask::get(&two.api("seen/x")).header("sec-fetch-site", "same-origin");
        let api = host.http.send(api.header("cookie", &cookie)).await;
        let page = host
            .http
            .send(Ask::get(&two.shell()).header("cookie", &cookie))
            .await;
        assert_over(&api, &page, 401, "no-session");
    }
    // Both cookies together, as one browser sends them: each opens its own.
    let both = format!("{}; {}", one.cookie, two.cookie);
    for portal in [&one, &two] {
        let ask = Ask::get(&portal.api("seen/both")).header("sec-fetch-site", "same-origin");
        host.http
            .send(ask.header("cookie", &both))
            .await
            .expect(200);
    }
}

async fn i38_looking_at_a_launch_address_uses_nothing_up(database: TestDatabase) {
    let host = echo(database).await;
    let install = host.install("echo", &["data:read"]).await;
    let address = host.sim.launch(&install.installed_app_id).await.unwrap();
    let target = format!("{}?{}", address.path(), address.query().unwrap());
    let page = host.http.send(Ask::get("/enter")).await.expect(200);
    for ask in [
        Ask::get(&target),
        Ask::get(&target).header("sec-purpose", "prefetch"),
        Ask::get("/enter?token=nonsense"),
        Ask::get(&target),
    ] {
        let answer = host.http.send(ask).await.expect(200);
        assert_eq!(answer.body, page.body, "the page is the same for everybody");
        assert!(answer.header("set-cookie").is_none());
    }
    assert_eq!(
        host.http
            .send(Ask::new("HEAD", &target))
            .await
            .expect(200)
            .body
            .len(),
        0
    );
    Portal::open(&host.http, &address).await;
}
