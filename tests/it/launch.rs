//! Launches: who gets a portal's address, and that a refusal never says why.

use airlock_test_database::{TestDatabase, on_both};
use serde_json::json;

use crate::support::clients::token_of;
use crate::support::event::with;
use crate::support::{Ask, TestHost, TestInstall};

on_both!(
    i30_every_launch_that_is_refused_is_the_one_404,
    a_pending_install_is_proven_by_its_first_launch,
    i33_a_launch_while_cloud_is_down_asks_to_come_again,
    i29_a_launch_with_and_without_organization_and_user_is_taken,
    each_launch_has_an_address_of_its_own_that_holds_the_token_alone,
);

async fn i30_every_launch_that_is_refused_is_the_one_404(database: TestDatabase) {
    let host = TestHost::setup()
        .on(database)
        .package("probes/echo")
        .dud("other")
        .start()
        .await;
    let cloud = host.cloud("echo").await;
    let mut active = host.live_install("active", &["data:read"]).await;
    active.instance = host.sim.instance_id();
    let known = with(active.install(), "organization_id", json!("org_1"));
    cloud.event(&known).await.expect(200);
    host.until_status(&active.id, "active").await;
    cloud.launch(&active.launch()).await;

    let ended = TestInstall::new("ended");
    cloud.event(&ended.install()).await.expect(200);
    cloud.event(&ended.uninstall()).await.expect(200);
    let unproven = TestInstall::new("unproven");
    cloud.event(&unproven.install()).await.expect(200);

    let unknown_path = host.http.send(Ask::get("/no/such/path")).await.expect(404);
    let other_app = host.cloud("other").await;
    let refused = [
        (
            "unknown install",
            &cloud.portal,
            TestInstall::new("nobody").launch(),
        ),
        ("uninstalled", &cloud.portal, ended.launch()),
        ("a key that Cloud refuses", &cloud.portal, unproven.launch()),
        (
            "other app_id",
            &cloud.portal,
            with(active.launch(), "app_id", json!("app_2")),
        ),
        (
            "other instance",
            &cloud.portal,
            with(active.launch(), "instance_id", json!("instance_2")),
        ),
        (
            "other organization",
            &cloud.portal,
            with(active.launch(), "organization_id", json!("org_2")),
        ),
        ("another app's address", &other_app.portal, active.launch()),
        (
            "wrong secret",
            &format!("/api/portal/echo/{}", "A".repeat(43)),
            active.launch(),
        ),
        (
            "callback's secret",
            &cloud.callback.replace("callback", "portal"),
            active.launch(),
        ),
        (
            "unknown app",
            &cloud.portal.replace("/echo/", "/nobody/"),
            active.launch(),
        ),
    ];
    for (case, address, request) in refused {
        let answer = host.http.send(Ask::post(address).json(&request)).await;
        assert_eq!(
            (answer.status, answer.text()),
            (404, unknown_path.text()),
            "{case}"
        );
        assert_eq!(
            answer.lasting_headers(),
            unknown_path.lasting_headers(),
            "{case}"
        );
    }
    // The control: the same request as in the table, unaltered, succeeds.
    cloud
        .launch(&with(active.launch(), "organization_id", json!("org_1")))
        .await;
}

async fn a_pending_install_is_proven_by_its_first_launch(database: TestDatabase) {
    let host = TestHost::setup()
        .on(database)
        .package("probes/echo")
        .start()
        .await;
    // The background would come to it after half a second; the launch does not wait for that.
    let install = host.install("echo", &["data:read"]).await;
    let portal = host.open(&install).await;
    portal.get("seen/here").await.expect(200);
    assert_eq!(
        host.status(&install.installed_app_id).await.as_deref(),
        Some("active")
    );
}

async fn i33_a_launch_while_cloud_is_down_asks_to_come_again(database: TestDatabase) {
    let host = TestHost::setup()
        .on(database)
        .package("probes/echo")
        .start()
        .await;
    host.sim.set_switches(|switches| switches.outage = true);
    let install = host.install("echo", &["data:read"]).await;
    let request = json!({
        "installed_app_id": install.installed_app_id,
        "app_id": install.app_id,
        "instance_id": install.instance_id,
    });
    let cloud = host.cloud("echo").await;
    let answer = cloud.ask_launch(&request).await;
    answer.problem(503, "unavailable");
    let wait = answer.header("retry-after").expect("a Retry-After");
    assert!(
        wait.parse::<u32>().is_ok_and(|seconds| seconds > 0),
        "{wait}"
    );
    host.sim.set_switches(|switches| switches.outage = false);
    cloud.launch(&request).await;
}

async fn i29_a_launch_with_and_without_organization_and_user_is_taken(database: TestDatabase) {
    let host = TestHost::setup()
        .on(database)
        .package("probes/echo")
        .start()
        .await;
    let cloud = host.cloud("echo").await;
    let plain = host.live_install("plain", &["data:read"]).await;
    host.activate("echo", &plain).await;
    // What Cloud never told can't be compared.
    for extra in [
        json!({}),
        json!({ "organization_id": "org_9", "user_id": "user_9", "something_new": [1] }),
        json!({ "organization_id": null, "user_id": "" }),
    ] {
        let mut request = plain.launch();
        let fields = request.as_object_mut().unwrap();
        fields.extend(extra.as_object().unwrap().clone());
        cloud.launch(&request).await;
    }
    for field in ["installed_app_id", "app_id", "instance_id"] {
        let answer = cloud
            .ask_launch(&with(plain.launch(), field, json!(null)))
            .await;
        assert_eq!(answer.problem(422, "invalid-field")["field"], field);
    }
}

async fn each_launch_has_an_address_of_its_own_that_holds_the_token_alone(database: TestDatabase) {
    let host = TestHost::setup()
        .on(database)
        .package("probes/echo")
        .start()
        .await;
    let install = host.install("echo", &["data:read"]).await;
    let mut tokens = Vec::new();
    for _ in 0..3 {
        let address = host.sim.launch(&install.installed_app_id).await.unwrap();
        assert_eq!(address.origin().ascii_serialization(), host.http.origin());
        tokens.push(token_of(&address));
    }
    tokens.dedup();
    assert_eq!(tokens.len(), 3);
    for token in tokens {
        assert!(
            token.starts_with("al1.") && token.len() <= 1024,
            "{}",
            token.len()
        );
        for told in [&install.api_key, &install.api_key_prefix] {
            assert!(!token.contains(told.as_str()));
        }
    }
}
