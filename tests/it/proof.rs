//! Proof of keys: what Cloud's silence, refusal and half-answers do to attempts and installs.

use std::time::{Duration, Instant};

use airlock_test_database::{TestDatabase, on_both};
use serde_json::json;

use crate::support::event::with;
use crate::support::{TestHost, TestInstall, Wire, poll};

on_both!(
    an_attempt_is_proven_by_one_read_bound_to_its_instance,
    i33_events_are_answered_while_cloud_is_down_and_settled_when_it_is_back,
    a_key_that_lives_only_after_the_answer_is_proven_all_the_same,
    deliveries_that_come_twice_in_turn_have_one_effect,
    deliveries_that_come_twice_at_once_have_one_effect,
    an_event_with_another_app_id_is_422_once_the_app_is_pinned,
    an_app_id_that_the_operator_set_is_asked_for_from_the_first_event_on,
    a_fourth_attempt_takes_the_place_of_a_refused_one_else_it_comes_again,
    a_403_activates_only_an_empty_place_and_gives_way_to_a_2xx,
    a_key_that_is_refused_twice_revokes_its_install_and_a_launch_with_it_alive_restores,
);

async fn an_attempt_is_proven_by_one_read_bound_to_its_instance(database: TestDatabase) {
    let sim = TestHost::setup().dud("none").start().await;
    let wire = Wire::start(sim.sim.api_url()).await;
    let host = TestHost::setup()
        .on(database)
        .dud("kyc")
        .through(&sim.sim, wire.api_url())
        .start()
        .await;
    let install = host.live_install("1", &["data:read"]).await;
    host.activate("kyc", &install).await;
    let heard = wire.heard();
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert_eq!(heard[0].method, "GET");
    assert_eq!(
        heard[0].target,
        format!("/data/ledgers?pageSize=1&instance_id={}", install.instance)
    );
    assert_eq!(
        heard[0].headers["authorization"],
        format!("Bearer {}", install.key)
    );
    assert_eq!(heard[0].body.len(), 0);
}

async fn i33_events_are_answered_while_cloud_is_down_and_settled_when_it_is_back(
    database: TestDatabase,
) {
    let host = TestHost::setup().on(database).dud("kyc").start().await;
    host.sim.set_switches(|switches| switches.outage = true);
    let begun = Instant::now();
    let install = host.install("kyc", &["data:read"]).await;
    // Cloud gives up after ten seconds; the answer does not wait for anything of Cloud's.
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    poll::until("a proof was tried in vain", async || {
        let requests = host.sim.requests();
        requests
            .iter()
            .any(|request| request.path.starts_with("/data/ledgers"))
            .then_some(())
    })
    .await;
    assert_eq!(
        host.status(&install.installed_app_id).await.as_deref(),
        Some("pending")
    );
    host.sim.set_switches(|switches| switches.outage = false);
    host.until_status(&install.installed_app_id, "active").await;
}

async fn a_key_that_lives_only_after_the_answer_is_proven_all_the_same(database: TestDatabase) {
    let host = TestHost::setup().on(database).dud("kyc").start().await;
    assert!(
        !host.sim.switches().key_live_before_answer,
        "the simulated Cloud's own default"
    );
    let install = host.install("kyc", &["data:read"]).await;
    host.until_status(&install.installed_app_id, "active").await;
    let refused = host
        .sim
        .requests()
        .iter()
        .filter(|request| request.status == Some(401))
        .count();
    assert_eq!(refused, 0, "the host asked before it had answered");
}

async fn deliveries_that_come_twice_in_turn_have_one_effect(database: TestDatabase) {
    a_whole_life_delivered_twice(database, false).await;
}

async fn deliveries_that_come_twice_at_once_have_one_effect(database: TestDatabase) {
    a_whole_life_delivered_twice(database, true).await;
}

async fn a_whole_life_delivered_twice(database: TestDatabase, at_once: bool) {
    let host = TestHost::setup()
        .on(database)
        .dud("kyc")
        .cloud(|cloud| {
            cloud.switches.duplicate_delivery = true;
            cloud.switches.duplicate_at_once = at_once;
            cloud.switches.legacy_fields = true;
            cloud.switches.idempotency_header = true;
            cloud.switches.idempotency_body = !at_once;
        })
        .start()
        .await;
    let install = host.install("kyc", &["data:read"]).await;
    host.until_status(&install.installed_app_id, "active").await;
    let line = host.installs().await.pop().unwrap();
    assert_eq!(
        line.organization_id.as_deref(),
        Some(host.sim.organization_id())
    );
    host.sim.uninstall(&install.installed_app_id).await.unwrap();
    assert_eq!(host.installs().await.len(), 1);
    assert_eq!(host.installs().await[0].status, "uninstalled");
}

async fn an_event_with_another_app_id_is_422_once_the_app_is_pinned(database: TestDatabase) {
    let host = TestHost::setup()
        .on(database)
        .dud("kyc")
        .dud("other")
        .start()
        .await;
    let (cloud, other) = (host.cloud("kyc").await, host.cloud("other").await);
    // Not proven, so not pinned: another app_id is still taken.
    cloud
        .event(&TestInstall::new("stranger").app("app_stranger").install())
        .await
        .expect(200);
    let first = host.live_install("first", &["data:read"]).await;
    host.activate("kyc", &first).await;
    for event in [
        TestInstall::new("2").app("app_2").install(),
        TestInstall::new("2").app("app_2").uninstall(),
        with(first.uninstall(), "app_id", json!("app_stranger")),
    ] {
        assert_eq!(
            cloud.event(&event).await.problem(422, "invalid-field")["field"],
            "app_id"
        );
    }
    // One app_id belongs to one app.
    let stolen = TestInstall::new("stolen").install();
    assert_eq!(
        other.event(&stolen).await.problem(422, "invalid-field")["field"],
        "app_id"
    );
    assert_eq!(host.status(&first.id).await.as_deref(), Some("active"));
    assert_eq!(host.status("instapp_2").await, None);
}

async fn an_app_id_that_the_operator_set_is_asked_for_from_the_first_event_on(
    database: TestDatabase,
) {
    let host = TestHost::setup()
        .on(database)
        .dud("kyc")
        .set("AIRLOCK_APPS__KYC__APP_ID", "app_set")
        .start()
        .await;
    let cloud = host.cloud("kyc").await;
    let problem = cloud.event(&TestInstall::new("1").install()).await;
    assert_eq!(problem.problem(422, "invalid-field")["field"], "app_id");
    cloud
        .event(&TestInstall::new("1").app("app_set").install())
        .await
        .expect(200);
    assert_eq!(host.installs().await.len(), 1);
}

async fn a_fourth_attempt_takes_the_place_of_a_refused_one_else_it_comes_again(
    database: TestDatabase,
) {
    let host = TestHost::setup().on(database).dud("kyc").start().await;
    let cloud = host.cloud("kyc").await;
    let attempt = |name: &str| TestInstall::new(name).instance("instance_one");
    host.sim.set_switches(|switches| switches.outage = true);
    for name in ["a", "b", "c"] {
        cloud.event(&attempt(name).install()).await.expect(200);
    }
    // Nothing is known of the three keys, so none may go.
    let fourth = cloud.event(&attempt("d").install()).await;
    fourth.problem(503, "unavailable");
    assert!(fourth.header("retry-after").is_some());
    // Another instance has room of its own.
    cloud
        .event(&TestInstall::new("elsewhere").install())
        .await
        .expect(200);
    host.sim.set_switches(|switches| switches.outage = false);
    poll::until("a refused attempt gave way", async || {
        let answer = cloud.event(&attempt("d").install()).await;
        assert!(matches!(answer.status, 200 | 503), "{}", answer.text());
        (answer.status == 200).then_some(())
    })
    .await;
    let lines = host.installs().await;
    let mut here: Vec<_> = lines
        .iter()
        .filter(|line| line.instance_id == "instance_one")
        .collect();
    assert_eq!(here.len(), 3, "{here:?}");
    here.retain(|line| line.installed_app_id == "instapp_d");
    assert_eq!(here.len(), 1);
}

async fn a_403_activates_only_an_empty_place_and_gives_way_to_a_2xx(database: TestDatabase) {
    let host = TestHost::setup().on(database).dud("kyc").start().await;
    // Live, but without data:read: Cloud answers the proof with 403.
    let first = host.live_install("first", &["alerts:write"]).await;
    host.activate("kyc", &first).await;
    let second = host.live_install("second", &["alerts:write"]).await;
    host.cloud("kyc")
        .await
        .event(&second.install())
        .await
        .expect(200);
    poll::until("the second was tried", async || {
        let requests = host.sim.requests();
        (requests
            .iter()
            .filter(|request| request.status == Some(403))
            .count()
            >= 2)
            .then_some(())
    })
    .await;
    assert_eq!(host.status(&second.id).await.as_deref(), Some("pending"));
    assert_eq!(host.status(&first.id).await.as_deref(), Some("active"));
    let third = host.live_install("third", &["data:read"]).await;
    host.activate("kyc", &third).await;
    assert_eq!(host.status(&first.id).await.as_deref(), Some("superseded"));
}

async fn a_key_that_is_refused_twice_revokes_its_install_and_a_launch_with_it_alive_restores(
    database: TestDatabase,
) {
    let host = TestHost::setup().on(database).package("kyc").start().await;
    let install = host.install("kyc", &["data:read"]).await;
    let portal = host.open(&install).await;
    portal.get("identities").await.expect(200);
    assert!(host.sim.revoke_key(&install.api_key));
    portal.get("identities").await;
    // One refusal is none, and neither are two within 5 s.
    portal.get("identities").await;
    assert_eq!(
        host.status(&install.installed_app_id).await.as_deref(),
        Some("active")
    );
    host.clock.advance(Duration::from_secs(6));
    portal.get("identities").await;
    host.until_status(&install.installed_app_id, "revoked")
        .await;
    portal.get("me").await.problem(401, "no-session");
    let dead = host.sim.launch(&install.installed_app_id).await;
    assert!(dead.is_err(), "{dead:?}");
    assert!(host.sim.restore_key(&install.api_key));
    let again = host.open(&install).await;
    again.get("identities").await.expect(200);
    assert_eq!(
        host.status(&install.installed_app_id).await.as_deref(),
        Some("active")
    );
}
