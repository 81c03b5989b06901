//! From an event to an install and to its end: duplicates, other orders, forgeries, reinstalls.

use std::time::Duration;

use airlock_host::store::installs::{Proof, Status};
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
    let judged = host.until_judged(&forged.id, 1).await;
    assert_eq!((judged.status, judged.proof), (Status::Pending, None));
    cloud.ask_launch(&forged.launch()).await.expect(404);
    // Cloud answers a live key of another instance with 403, as it does one without data:read. That fills an empty place,
    // and takes it from nobody.
    let elsewhere = async |name: &str| {
        let install = host.live_install(name, &["data:read"]).await;
        let install = install.instance("instance_none");
        cloud.event(&install.install()).await.expect(200);
        (host.until_judged(&install.id, 1).await, install)
    };
    let (first, install) = elsewhere("first").await;
    assert_eq!(
        (first.status, first.proof),
        (Status::Active, Some(Proof::Forbidden))
    );
    let (second, refused) = elsewhere("second").await;
    assert_eq!((second.status, second.proof), (Status::Pending, None));
    cloud.ask_launch(&refused.launch()).await.expect(404);
    assert_eq!(host.attempts(&install.id).await[0].status, Status::Active);
    cloud
        .ask_launch(&install.launch())
        .await
        .problem(503, "app-not-serving");
}

async fn i15_i17_a_forged_install_over_an_active_one_changes_nothing(database: TestDatabase) {
    let host = dud(database).await;
    let cloud = host.cloud("kyc").await;
    let active = host.live_install("1", &["data:read"]).await;
    host.activate("kyc", &active).await;
    let before = host.attempts(&active.id).await.pop().unwrap();
    let wider = json!(["alerts:write", "data:read", "data:write"]);
    let other_key = |event, key: &str| with(event, "api_key", json!(key));
    let alive = host.live_install("alive", &["data:read"]).await.key;
    let beside = |name: &str| TestInstall::new(name).instance(&active.instance);
    // Each with the attempt that it is stored as, and the place of its forger's key in Cloud.
    let forgeries = [
        // The same install and event key. The worst: the very key that lives, with more than the user granted.
        (
            with(active.install(), "granted_permissions", wider),
            (active.id.clone(), 2),
        ),
        // Another key, unknown to Cloud.
        (
            other_key(active.install(), "blnk_forged_0123456789abcdef"),
            (active.id.clone(), 3),
        ),
        // Another install id for the same app and instance, with a key that nobody knows.
        (beside("2").install(), ("instapp_2".to_owned(), 1)),
    ];
    for (forged, (id, attempt)) in &forgeries {
        assert_eq!(
            cloud.event(forged).await.expect(200).json(),
            json!({ "ok": true })
        );
        let judged = host.until_judged(id, *attempt).await;
        assert_eq!(
            (judged.status, judged.proof),
            (Status::Pending, None),
            "{forged}"
        );
    }
    // With a key of its own that lives: a fourth attempt there takes the place of a refused one.
    let fourth = other_key(active.install(), &alive);
    cloud.event(&fourth).await.expect(200);
    let judged = host.until_judged(&active.id, 4).await;
    assert_eq!((judged.status, judged.proof), (Status::Pending, None));
    let now = host.attempts(&active.id).await.pop().unwrap();
    assert_eq!(format!("{now:?}"), format!("{before:?}"));
    assert_eq!((now.attempt, now.status), (1, Status::Active));
    assert_eq!(now.granted.joined(), "data:read");
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
    let judged = host.until_judged(&dead.id, 1).await;
    assert_eq!(judged.status, Status::Pending);
}

async fn i25_an_install_and_its_uninstall_at_once_end_uninstalled_or_wait_for_proof(
    database: TestDatabase,
) {
    let host = dud(database).await;
    let cloud = host.cloud("kyc").await;
    for number in 0..20 {
        let install = TestInstall::new(&number.to_string());
        let (event, end) = (install.install(), install.uninstall());
        // The very first delivery against the end; which of them is sent first alternates.
        let (begun, ended) = if number % 2 == 0 {
            tokio::join!(cloud.event(&event), cloud.event(&end))
        } else {
            let (ended, begun) = tokio::join!(cloud.event(&end), cloud.event(&event));
            (begun, ended)
        };
        assert_eq!((begun.status, ended.status), (200, 200));
        let attempts = host.attempts(&install.id).await;
        let [attempt] = &attempts[..] else {
            panic!("{number}: {attempts:?}")
        };
        match attempt.status {
            // The install came first: ended, and its key erased.
            Status::Uninstalled => assert!(attempt.api_key.is_none(), "{number}"),
            // The end came first: an install that nobody has proven.
            Status::Pending => assert_eq!(attempt.proof, None, "{number}"),
            other => panic!("{number}: {other:?}"),
        }
        // Cloud tells both once more, at once: the end wins over what is known.
        let (begun, ended) = tokio::join!(cloud.event(&event), cloud.event(&end));
        assert_eq!((begun.status, ended.status), (200, 200));
        let attempts = host.attempts(&install.id).await;
        assert_eq!(attempts.len(), 1, "{number}");
        assert_eq!(attempts[0].status, Status::Uninstalled, "{number}");
    }
}
