//! From an event to an install and to its end: duplicates, other orders, forgeries, reinstalls.

use std::time::Duration;

use airlock_test_database::{TestDatabase, on_both};
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::event::with;
use crate::support::{TestHost, TestInstall, poll};

on_both!(
    i16_an_event_that_comes_100_times_at_once_has_one_effect,
    i14_a_forged_install_is_stored_and_never_active_without_a_live_key,
    i15_i17_a_forged_install_over_an_active_one_changes_nothing,
    i23_a_reinstall_supersedes_once_the_old_key_is_dead,
    i19_i20_an_uninstall_is_taken_whether_or_not_there_is_an_install,
    i21_a_late_duplicate_of_the_install_does_not_bring_it_back,
    i22_an_install_after_its_uninstall_is_active_only_with_a_live_key,
    i25_an_install_and_its_uninstall_at_once_end_uninstalled_or_wait_for_proof,
);

async fn dud(database: TestDatabase) -> TestHost {
    TestHost::setup().on(database).dud("kyc").start().await
}

/// Attempts of installs in that state, as the operator's facts count them.
async fn count(host: &TestHost, status: &str) -> usize {
    host.installs()
        .await
        .iter()
        .filter(|line| line.status == status)
        .count()
}

async fn i16_an_event_that_comes_100_times_at_once_has_one_effect(database: TestDatabase) {
    let host = dud(database).await;
    let cloud = host.cloud("kyc").await;
    let install = host.live_install("1", &["data:read"]).await;
    for event in [install.install(), install.uninstall()] {
        let mut senders = JoinSet::new();
        for _ in 0..100 {
            let (cloud, event) = (cloud.clone(), event.clone());
            senders.spawn(async move { cloud.event(&event).await });
        }
        for answer in senders.join_all().await {
            assert_eq!(
                (answer.status, answer.text()),
                (200, r#"{"ok":true}"#.to_owned())
            );
        }
        assert_eq!(host.installs().await.len(), 1);
    }
    assert_eq!(
        host.status(&install.id).await.as_deref(),
        Some("uninstalled")
    );
}

async fn i14_a_forged_install_is_stored_and_never_active_without_a_live_key(
    database: TestDatabase,
) {
    let host = dud(database).await;
    let cloud = host.cloud("kyc").await;
    let forged = TestInstall::new("forged").instance(&host.sim.instance_id());
    cloud.event(&forged.install()).await.expect(200);
    refused_twice(&host).await;
    assert_eq!(host.status(&forged.id).await.as_deref(), Some("pending"));
    cloud.ask_launch(&forged.launch()).await.expect(404);
    // A live key of another instance proves nothing about this one.
    let elsewhere = host
        .live_install("elsewhere", &["data:read"])
        .await
        .instance("instance_none");
    cloud.event(&elsewhere.install()).await.expect(200);
    cloud.ask_launch(&elsewhere.launch()).await;
    assert_eq!(count(&host, "superseded").await, 0);
}

/// Waits until the simulated Cloud has refused proofs twice.
async fn refused_twice(host: &TestHost) {
    poll::until("two proofs were refused", async || {
        let requests = host.sim.requests();
        (requests
            .iter()
            .filter(|request| request.status == Some(401))
            .count()
            >= 2)
            .then_some(())
    })
    .await;
}

async fn i15_i17_a_forged_install_over_an_active_one_changes_nothing(database: TestDatabase) {
    let host = dud(database).await;
    let cloud = host.cloud("kyc").await;
    let active = host.live_install("1", &["data:read"]).await;
    host.activate("kyc", &active).await;
    let before = host.installs().await;
    let forgeries = [
        // The same install and event key: other scopes, another key, both.
        with(
            active.install(),
            "granted_permissions",
            json!(["data:read", "data:write"]),
        ),
        with(
            active.install(),
            "api_key",
            json!("blnk_forged_0123456789abcdef"),
        ),
        // Another install id for the same app and instance.
        TestInstall::new("2").instance(&active.instance).install(),
    ];
    for forged in forgeries {
        assert_eq!(
            cloud.event(&forged).await.expect(200).json(),
            json!({ "ok": true })
        );
    }
    refused_twice(&host).await;
    let line = |lines: &[airlock_host::admin::InstallLine]| {
        let line = lines
            .iter()
            .find(|line| line.installed_app_id == active.id)
            .unwrap();
        serde_json::to_value(line).unwrap()
    };
    assert_eq!(line(&host.installs().await), line(&before));
    assert_eq!(count(&host, "active").await, 1);
    // A launch finds the app out of order, not the install unknown: the install is as it was.
    cloud
        .ask_launch(&active.launch())
        .await
        .problem(503, "app-not-serving");
}

async fn i23_a_reinstall_supersedes_once_the_old_key_is_dead(database: TestDatabase) {
    let host = TestHost::setup()
        .on(database)
        .package("probes/echo")
        .start()
        .await;
    let cloud = host.cloud("echo").await;
    let old = host.live_install("old", &["data:read"]).await;
    host.activate("echo", &old).await;
    let address = cloud.launch(&old.launch()).await;
    let portal = crate::support::Portal::open(&host.http, &address).await;
    let new = host.live_install("new", &["data:read"]).await;
    cloud.event(&new.install()).await.expect(200);
    // Both keys live: the old install stays.
    poll::until("the new key was tried", async || {
        let requests = host.sim.requests();
        let prefix: String = new.key.chars().take(8).collect();
        requests
            .iter()
            .any(|request| request.api_key_prefix.as_deref() == Some(&prefix))
            .then_some(())
    })
    .await;
    assert_eq!(host.status(&old.id).await.as_deref(), Some("active"));
    assert_eq!(host.status(&new.id).await.as_deref(), Some("pending"));
    portal.get("seen").await.expect(200);
    // The old key dies. Two refusals, really 5 s apart, and the new install takes over.
    assert!(host.sim.revoke_key(&old.key));
    let begun = std::time::Instant::now();
    host.until_status(&new.id, "active").await;
    assert!(
        begun.elapsed() >= Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(host.status(&old.id).await.as_deref(), Some("superseded"));
    portal.get("seen").await.problem(401, "no-session");
    cloud.launch(&new.launch()).await;
    cloud.ask_launch(&old.launch()).await.expect(404);
}

async fn i19_i20_an_uninstall_is_taken_whether_or_not_there_is_an_install(database: TestDatabase) {
    let host = dud(database).await;
    let cloud = host.cloud("kyc").await;
    let unknown = TestInstall::new("unknown");
    for _ in 0..2 {
        cloud.event(&unknown.uninstall()).await.expect(200);
    }
    let known = host.live_install("known", &["data:read"]).await;
    host.activate("kyc", &known).await;
    for _ in 0..2 {
        cloud.event(&known.uninstall()).await.expect(200);
        assert_eq!(host.status(&known.id).await.as_deref(), Some("uninstalled"));
    }
}

async fn i21_a_late_duplicate_of_the_install_does_not_bring_it_back(database: TestDatabase) {
    let host = dud(database).await;
    let cloud = host.cloud("kyc").await;
    let install = host.live_install("1", &["data:read"]).await;
    host.activate("kyc", &install).await;
    cloud.event(&install.uninstall()).await.expect(200);
    cloud.event(&install.install()).await.expect(200);
    assert_eq!(host.installs().await.len(), 1);
    assert_eq!(
        host.status(&install.id).await.as_deref(),
        Some("uninstalled")
    );
    cloud.ask_launch(&install.launch()).await.expect(404);
}

async fn i22_an_install_after_its_uninstall_is_active_only_with_a_live_key(database: TestDatabase) {
    let host = dud(database).await;
    let cloud = host.cloud("kyc").await;
    let dead = TestInstall::new("dead");
    let live = host.live_install("live", &["data:read"]).await;
    for install in [&dead, &live] {
        cloud.event(&install.uninstall()).await.expect(200);
        cloud.event(&install.install()).await.expect(200);
    }
    host.until_status(&live.id, "active").await;
    refused_twice(&host).await;
    assert_eq!(host.status(&dead.id).await.as_deref(), Some("pending"));
}

async fn i25_an_install_and_its_uninstall_at_once_end_uninstalled_or_wait_for_proof(
    database: TestDatabase,
) {
    let host = dud(database).await;
    let cloud = host.cloud("kyc").await;
    for number in 0..20 {
        let install = TestInstall::new(&number.to_string());
        let (event, end) = (install.install(), install.uninstall());
        cloud.event(&event).await.expect(200);
        let (again, ended) = tokio::join!(cloud.event(&event), cloud.event(&end));
        assert_eq!((again.status, ended.status), (200, 200));
        assert_eq!(
            host.status(&install.id).await.as_deref(),
            Some("uninstalled"),
            "{number}"
        );
    }
}
