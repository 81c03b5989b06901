//! Too much of something: the limits, and what a flood costs.

use std::time::{Duration, Instant};

use airlock_cloud_sim::{CloudSim, Options};
use serde_json::json;

use super::place;
use crate::support::clients::{exchange, token_of};
use crate::support::{Ask, Place, ProcessHost, TestHost, TestInstall};

/// A log that has every statement of the database.
const STATEMENTS: &str = "sqlx=debug,info";

/// Statements that the host has logged so far which contain one of the words.
fn statements(place: &Place, words: &[&str]) -> usize {
    let log = place.log_text().to_lowercase();
    let statements = log.lines().filter(|line| line.contains("db.statement"));
    statements
        .filter(|line| words.iter().any(|word| line.contains(word)))
        .count()
}

/// Sends the same request often; counts the answers of the first status, and of 429 with all that belongs to it.
async fn flood(host: &ProcessHost, times: usize, ask: impl Fn() -> Ask, status: u16) -> [usize; 2] {
    let mut counts = [0; 2];
    for _ in 0..times {
        let answer = host.http.send(ask()).await;
        if answer.status == status {
            counts[0] += 1;
            continue;
        }
        answer.problem(429, "too-many");
        let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(answer.header("content-security-policy").is_some());
        counts[1] += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn w6_i01_a_flood_of_wrong_secrets_costs_no_statement() {
    let place = place().set("AIRLOCK_LOG__FILTER", STATEMENTS);
    let host = place.serve().await;
    let cloud = host.cloud("kyc").await;
    assert!(statements(&place, &[""]) > 0, "statements are logged");
    let event = TestInstall::new("1").install();
    let mut caused = Vec::new();
    for batch in 0..3 {
        let before = statements(&place, &[""]);
        for number in 0..200 {
            let wrong = format!("{batch}{number:0>42}");
            for (ask, status) in [
                (
                    Ask::post(&format!("/api/callback/kyc/{wrong}")).json(&event),
                    404,
                ),
                (
                    Ask::post(&format!("/api/portal/kyc/{wrong}")).json(&event),
                    404,
                ),
                (exchange(&format!("al1.s1.{wrong}.{wrong}")), 401),
            ] {
                host.http.send(ask).await.expect(status);
            }
        }
        caused.push(statements(&place, &[""]) - before);
    }
    // The host may still have been at its own first look when the first batch began.
    assert!(caused[0] < 10, "{caused:?}");
    assert_eq!(caused[1..], [0, 0], "in 1,200 refusals");
    let before = statements(&place, &[""]);
    cloud.event(&event).await.expect(200);
    assert!(statements(&place, &[""]) > before);
}

#[tokio::test(flavor = "multi_thread")]
async fn w9_what_nobody_should_ask_for_is_limited_by_address_and_the_right_secret_is_not() {
    let place = place().set("AIRLOCK_RATE__UNKNOWN__PER_SECOND", "10");
    let host = place.serve().await;
    let cloud = host.cloud("kyc").await;
    let begun = Instant::now();
    let wrong = || Ask::post("/api/callback/kyc/wrong").json(&json!({}));
    let [passed, limited] = flood(&host, 300, wrong, 404).await;
    let seconds = usize::try_from(begun.elapsed().as_secs()).unwrap() + 1;
    assert!(
        (10..=10 + 10 * seconds).contains(&passed),
        "{passed} in {seconds} s"
    );
    assert!(limited > 0);
    // The same counter for every unknown path, and none of it for those who know the secret.
    let unknown = || Ask::get("/no/such/path");
    assert!(flood(&host, 50, unknown, 404).await[1] > 0);
    assert_eq!(
        flood(&host, 100, || Ask::get(&cloud.callback), 200).await,
        [100, 0]
    );
    // It ends by itself.
    crate::support::poll::until("the limit is over", async || {
        (host.http.send(unknown()).await.status == 404).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i32_a_flood_of_launches_is_429_and_minting_writes_nothing() {
    let sim = CloudSim::start(Options::default()).await.unwrap();
    let place = Place::new(&sim.api_url())
        .package("probes/echo")
        .set("AIRLOCK_LOG__FILTER", STATEMENTS)
        .set("AIRLOCK_RATE__CLOUD__PER_SECOND", "50")
        .set("AIRLOCK_RATE__SESSION__PER_SECOND", "50");
    let host = place.serve().await;
    let app = host.register(&sim, "echo").await;
    let install = sim.install(&app, &["data:read"]).await.unwrap();
    host.until_status(&install.installed_app_id, "active").await;
    let cloud = host.cloud("echo").await;
    let launch = json!({
        "installed_app_id": install.installed_app_id,
        "app_id": install.app_id,
        "instance_id": install.instance_id,
    });
    let writes = ["insert", "update", "delete"];
    let before = statements(&place, &writes);
    assert!(before > 0, "writes are logged");
    let begun = Instant::now();
    let ask = || Ask::post(&cloud.portal).json(&launch);
    let mut counts = flood(&host, 600, ask, 200).await;
    // A slow machine earns some in the meantime; the limit is reached all the same.
    while counts[1] == 0 && begun.elapsed().as_secs() < 60 {
        let more = flood(&host, 200, ask, 200).await;
        counts = [counts[0] + more[0], more[1]];
    }
    let seconds = usize::try_from(begun.elapsed().as_secs()).unwrap() + 1;
    assert!(
        (499..=500 + 50 * seconds).contains(&counts[0]),
        "{counts:?} in {seconds} s"
    );
    assert!(counts[1] > 0, "{counts:?}");
    // What the install itself still has to write has nothing to do with how many launches there were.
    let written = statements(&place, &writes) - before;
    assert!(written < 20, "{written} writes for {} launches", counts[0]);
    // Events of the same app have a counter of their own.
    let event = TestInstall::new("other").app(&install.app_id).install();
    cloud.event(&event).await.expect(200);
}

#[tokio::test]
async fn sessions_of_one_app_are_limited_together() {
    let host = TestHost::setup()
        .package("probes/echo")
        .set("AIRLOCK_RATE__SESSION__PER_SECOND", "1")
        .set("AIRLOCK_RATE__SESSION__BURST", "8")
        .start()
        .await;
    let install = host.install("echo", &["data:read"]).await;
    let token = token_of(&host.sim.launch(&install.installed_app_id).await.unwrap());
    host.http.send(exchange(&token)).await.expect(200);
    let mut statuses = Vec::new();
    for _ in 0..40 {
        statuses.push(host.http.send(exchange(&token)).await.status);
    }
    assert_eq!(statuses[..7], [410; 7]);
    assert!(statuses.contains(&429), "{statuses:?}");
    // A token that was never signed here names no app, and uses nothing of the app's up.
    host.http
        .send(exchange("nonsense"))
        .await
        .problem(401, "launch-invalid");
}

#[tokio::test]
async fn a_token_that_is_over_uses_nothing_of_its_app_up_and_counts_as_a_strangers() {
    let host = TestHost::setup()
        .package("probes/echo")
        .set("AIRLOCK_RATE__UNKNOWN__PER_SECOND", "1")
        .set("AIRLOCK_RATE__UNKNOWN__BURST", "20")
        .set("AIRLOCK_RATE__SESSION__PER_SECOND", "1")
        .set("AIRLOCK_RATE__SESSION__BURST", "1")
        .start()
        .await;
    let install = host.install("echo", &["data:read"]).await;
    let old = token_of(&host.sim.launch(&install.installed_app_id).await.unwrap());
    host.clock.advance(Duration::from_secs(121));
    let mut statuses = Vec::new();
    for _ in 0..60 {
        statuses.push(host.http.send(exchange(&old)).await.status);
    }
    assert_eq!(statuses[..20], [410; 20]);
    assert!(statuses.contains(&429), "{statuses:?}");
    // The one session that the app has room for.
    let fresh = token_of(&host.sim.launch(&install.installed_app_id).await.unwrap());
    host.http.send(exchange(&fresh)).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_refusals_does_not_fill_the_log() {
    let place = place()
        .set("AIRLOCK_RATE__UNKNOWN__PER_SECOND", "1")
        .set("AIRLOCK_RATE__UNKNOWN__BURST", "5");
    let host = place.serve().await;
    let begun = Instant::now();
    for _ in 0..200 {
        let other = Ask::get("/airlock.js").header("host", "other.example");
        host.http.send(other).await.expect(421);
        let cross = Ask::post("/session").header("sec-fetch-site", "cross-site");
        host.http.send(cross).await.expect(403);
    }
    let most = 5 + usize::try_from(begun.elapsed().as_secs()).unwrap() + 1;
    assert!(host.stop().success());
    let log = place.log_text();
    let told = log.matches("Refused ").count();
    assert!((5..=most).contains(&told), "{told} of {most}: {log}");
}
