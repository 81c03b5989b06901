//! Attempts to take over what belongs to another install, instance or app.

use std::time::Duration;

use airlock_test_database::{TestDatabase, on_both};
use serde_json::json;

use crate::support::event::with;
use crate::support::{TestHost, TestInstall, poll};

on_both!(
    i15_a_known_install_can_not_be_told_again_in_another_instance,
    an_uninstall_for_another_instance_ends_nothing,
    an_install_told_anew_after_its_refused_attempt_was_dropped_is_proven_by_itself,
    of_two_apps_that_were_told_one_app_id_only_one_gets_it,
);

async fn i15_a_known_install_can_not_be_told_again_in_another_instance(database: TestDatabase) {
    let host = TestHost::setup().on(database).dud("kyc").start().await;
    let cloud = host.cloud("kyc").await;
    let active = host.live_install("1", &["data:read"]).await;
    host.activate("kyc", &active).await;
    // A key that is live, but of the first instance: Cloud answers 403 for the other one, which would activate it.
    let other = host.live_install("other", &["data:read"]).await;
    let forged = TestInstall {
        id: active.id.clone(),
        ..other
    };
    let forged = forged.instance("instance_elsewhere");
    let answer = cloud.event(&forged.install()).await.expect(422);
    assert!(
        answer.text().contains("installed_app_id"),
        "{}",
        answer.text()
    );
    let attempts = host.installs().await;
    assert_eq!(attempts.len(), 1);
    assert_eq!(
        (
            attempts[0].status.as_str(),
            attempts[0].instance_id.as_str()
        ),
        ("active", active.instance.as_str())
    );
    // Known, and its app out of order: not the 404 of an unknown install.
    cloud
        .ask_launch(&active.launch())
        .await
        .problem(503, "app-not-serving");
}

async fn an_uninstall_for_another_instance_ends_nothing(database: TestDatabase) {
    let host = TestHost::setup().on(database).dud("kyc").start().await;
    let cloud = host.cloud("kyc").await;
    let active = host.live_install("1", &["data:read"]).await;
    host.activate("kyc", &active).await;
    let elsewhere = with(
        active.uninstall(),
        "instance_id",
        json!("instance_elsewhere"),
    );
    cloud.event(&elsewhere).await.expect(200);
    assert_eq!(host.status(&active.id).await.as_deref(), Some("active"));
    cloud
        .ask_launch(&active.launch())
        .await
        .problem(503, "app-not-serving");
    cloud.event(&active.uninstall()).await.expect(200);
    cloud.ask_launch(&active.launch()).await.expect(404);
}

async fn an_install_told_anew_after_its_refused_attempt_was_dropped_is_proven_by_itself(
    database: TestDatabase,
) {
    let host = TestHost::setup().on(database).dud("kyc").start().await;
    let cloud = host.cloud("kyc").await;
    let live = host.live_install("1", &["data:read"]).await;
    let dead = live.clone().key("blnk_a_key_that_no_cloud_knows_1");
    cloud.event(&dead.install()).await.expect(200);
    poll::until("its key was refused", async || {
        let requests = host.sim.requests();
        requests
            .iter()
            .any(|request| request.status == Some(401))
            .then_some(())
    })
    .await;
    host.clock.advance(Duration::from_hours(25));
    poll::until("the attempt was dropped", async || {
        // Any event wakes the work behind events.
        let other = TestInstall::new("other").uninstall();
        cloud.event(&other).await.expect(200);
        host.status(&dead.id).await.is_none().then_some(())
    })
    .await;
    host.activate("kyc", &live).await;
}

async fn of_two_apps_that_were_told_one_app_id_only_one_gets_it(database: TestDatabase) {
    let host = TestHost::setup()
        .on(database)
        .dud("kyc")
        .dud("other")
        .start()
        .await;
    host.sim.set_switches(|switches| switches.outage = true);
    let first = host.live_install("1", &["data:read"]).await;
    let second = host.live_install("2", &["data:read"]).await;
    host.cloud("kyc")
        .await
        .event(&first.install())
        .await
        .expect(200);
    host.cloud("other")
        .await
        .event(&second.install())
        .await
        .expect(200);
    host.sim.set_switches(|switches| switches.outage = false);
    poll::until("one is active and the other one gone", async || {
        let mut states = Vec::new();
        for install in [&first, &second] {
            states.push(host.status(&install.id).await);
        }
        states.sort();
        (states == [None, Some("active".to_owned())]).then_some(())
    })
    .await;
}
