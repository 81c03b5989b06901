//! Install and uninstall events, with every switch that changes them.

use std::time::{Duration, Instant};

use airlock_cloud_sim::{CloudSim, Direction, EventError, Options};
use serde_json::json;

use crate::fake_app::{FakeApp, SECRET};
use crate::support::{ALL, Client, sim, sim_with, until};

async fn installed(sim: &CloudSim, app: &FakeApp) -> (String, airlock_cloud_sim::Installed) {
    let app_id = app.register(sim).await;
    let installed = sim
        .install(&app_id, &["data:read", "data:write"])
        .await
        .unwrap();
    (app_id, installed)
}

#[tokio::test]
async fn an_install_event_has_exactly_the_documented_fields() {
    let (sim, app) = (sim().await, FakeApp::start().await);
    let (app_id, installed) = installed(&sim, &app).await;
    let received = app.callbacks();
    assert_eq!(received.len(), 1);
    assert_eq!(
        received[0].body,
        json!({
            "installed_app_id": installed.installed_app_id,
            "app_id": app_id,
            "instance_id": sim.instance_id(),
            "api_key": installed.api_key,
            "api_key_prefix": &installed.api_key[..8],
            "granted_permissions": ["data:read", "data:write"],
            "idempotency_key": format!("install:{}", installed.installed_app_id),
        })
    );
    assert_eq!(received[0].idempotency_header, None);
    assert!(installed.installed_app_id.starts_with("instapp_") && app_id.starts_with("app_"));
    assert!(
        installed.instance_id.starts_with("instance_") && installed.api_key.starts_with("blnk_")
    );
    assert_eq!(
        sim.install_status(&installed.installed_app_id),
        Some("active")
    );
}

#[tokio::test]
async fn the_key_is_not_live_before_the_app_has_answered() {
    let (sim, app) = (sim().await, FakeApp::start().await);
    let app_id = app.register(&sim).await;
    app.behave(|behavior| behavior.callback_delay = Duration::from_millis(300));
    let client = Client::new(&sim, &ALL).await;
    let installing = tokio::spawn({
        let (sim, app_id) = (sim.clone(), app_id.clone());
        async move { sim.install(&app_id, &["data:read"]).await }
    });
    until("the event arrives", || !app.callbacks().is_empty()).await;
    let api_key = app.callbacks()[0].body["api_key"]
        .as_str()
        .unwrap()
        .to_owned();
    let early = client.with_key(&api_key);
    assert_eq!(early.get("/data/identities?pageSize=1").await.0, 401);
    installing.await.unwrap().unwrap();
    assert_eq!(early.get("/data/identities?pageSize=1").await.0, 200);
    assert_eq!(
        early.post("/proxy/ledgers", json!({ "name": "x" })).await.0,
        403,
        "only what was granted"
    );
}

#[tokio::test]
async fn the_key_can_be_live_at_once() {
    let (sim, app) = (
        sim_with(|switches| switches.key_live_before_answer = true).await,
        FakeApp::start().await,
    );
    let app_id = app.register(&sim).await;
    app.behave(|behavior| behavior.callback_delay = Duration::from_millis(300));
    let client = Client::new(&sim, &ALL).await;
    let installing = tokio::spawn({
        let (sim, app_id) = (sim.clone(), app_id.clone());
        async move { sim.install(&app_id, &["data:read"]).await }
    });
    until("the event arrives", || !app.callbacks().is_empty()).await;
    let early = client.with_key(app.callbacks()[0].body["api_key"].as_str().unwrap());
    assert_eq!(early.get("/data/identities?pageSize=1").await.0, 200);
    installing.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_refused_install_is_cancelled_and_its_key_revoked() {
    let (sim, app) = (sim().await, FakeApp::start().await);
    let app_id = app.register(&sim).await;
    app.behave(|behavior| {
        behavior.callback_statuses = vec![503, 200];
        behavior.callback_body = json!({ "detail": "The vault is closed." });
    });
    let error = sim.install(&app_id, &["data:read"]).await.unwrap_err();
    assert_eq!(
        error,
        EventError::Refused {
            status: 503,
            reason: Some("The vault is closed".to_owned())
        }
    );
    assert_eq!(
        error.to_string(),
        "The app answered 503: The vault is closed."
    );
    assert_eq!(sim.last_error(&app_id), Some(error.to_string()));
    let sent = &app.callbacks()[0].body;
    assert!(!sim.key_is_live(sent["api_key"].as_str().unwrap()));
    assert_eq!(
        sim.install_status(sent["installed_app_id"].as_str().unwrap()),
        Some("cancelled")
    );
    let next = sim.install(&app_id, &["data:read"]).await.unwrap();
    assert_ne!(
        next.installed_app_id,
        sent["installed_app_id"].as_str().unwrap()
    );
    assert_eq!(sim.last_error(&app_id), None);
}

#[tokio::test]
async fn an_app_that_does_not_answer_in_time_is_not_installed() {
    let event_timeout = Duration::from_millis(200);
    let sim = CloudSim::start(Options {
        event_timeout,
        ..Options::default()
    })
    .await
    .unwrap();
    let app = FakeApp::start().await;
    let app_id = app.register(&sim).await;
    app.behave(|behavior| behavior.callback_delay = Duration::from_secs(30));
    let begun = Instant::now();
    assert!(matches!(
        sim.install(&app_id, &["data:read"]).await,
        Err(EventError::TimedOut(_))
    ));
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(!sim.key_is_live(app.callbacks()[0].body["api_key"].as_str().unwrap()));
    assert_eq!(
        Options::default().event_timeout,
        Duration::from_secs(10),
        "the documented limit"
    );
}

#[tokio::test]
async fn an_app_that_is_not_there_is_not_installed_and_its_address_is_not_told() {
    let sim = sim().await;
    let mut registration = FakeApp::start().await.registration();
    registration.callback_url = format!("http://127.0.0.1:1/api/callback/demo/{SECRET}");
    let registered = sim.register(registration).await;
    assert!(!registered.ok);
    assert_eq!(
        registered.message.as_deref(),
        Some("The callback address could not be reached.")
    );
    let error = sim
        .install(&registered.app_id, &["data:read"])
        .await
        .unwrap_err();
    assert!(matches!(error, EventError::Unreachable(_)));
    assert!(!error.to_string().contains(SECRET));
}

#[tokio::test]
async fn one_install_per_instance_and_only_scopes_that_the_app_asks_for() {
    let (sim, app) = (sim().await, FakeApp::start().await);
    let mut registration = app.registration();
    registration.permissions.truncate(2);
    let app_id = sim.register(registration).await.app_id;
    for scope in ["alerts:write", "proxy:write"] {
        assert_eq!(
            sim.install(&app_id, &[scope]).await.unwrap_err(),
            EventError::NotRequested(scope.to_owned())
        );
    }
    assert_eq!(
        sim.install("app_nobody", &[]).await.unwrap_err(),
        EventError::UnknownApp
    );
    sim.install(&app_id, &["data:write"]).await.unwrap();
    let again = sim.install(&app_id, &["data:write"]).await.unwrap_err();
    assert_eq!(
        again.to_string(),
        "The app is already active on this instance."
    );
    assert_eq!(app.callbacks().len(), 1);
    assert_eq!(
        app.callbacks()[0].body["granted_permissions"],
        json!(["data:write"]),
        "a partial grant"
    );
}

#[tokio::test]
async fn two_instances_have_installs_keys_and_data_of_their_own() {
    let sim = CloudSim::start(Options {
        extra_instances: 1,
        ..Options::default()
    })
    .await
    .unwrap();
    let app = FakeApp::start().await;
    let app_id = app.register(&sim).await;
    let instances = sim.instance_ids();
    let one = sim
        .install_on(&app_id, &instances[0], &["data:read"])
        .await
        .unwrap();
    let two = sim
        .install_on(&app_id, &instances[1], &["data:read"])
        .await
        .unwrap();
    let mut client = Client::new(&sim, &[]).await.with_key(&two.api_key);
    let (status, _) = client.get("/data/identities").await;
    assert_eq!(status, 403);
    client.instance_id.clone_from(&two.instance_id);
    let (status, body) = client.get("/data/identities").await;
    assert_eq!(status, 200);
    assert!(
        sim.identity(body["data"][0]["identity_id"].as_str().unwrap())
            .is_none(),
        "other people live there"
    );
    assert_ne!(one.installed_app_id, two.installed_app_id);
}

#[tokio::test]
async fn registering_again_updates_and_keeps_the_identifier() {
    let (sim, app) = (sim().await, FakeApp::start().await);
    let app_id = app.register(&sim).await;
    let mut registration = app.registration();
    registration.portal_generator_url = format!("{}/nothing", app.base);
    let registered = sim.register(registration.clone()).await;
    assert_eq!(registered.app_id, app_id);
    assert_eq!(
        registered.message.as_deref(),
        Some("The portal address answered 404 to the probe.")
    );
    sim.set_switches(|switches| switches.probe_at_registration = false);
    assert!(sim.register(registration).await.ok);
    let elsewhere = CloudSim::start(Options::default()).await.unwrap();
    assert_eq!(
        app.register(&elsewhere).await,
        app_id,
        "the same on each start"
    );
    let probes = sim
        .requests()
        .into_iter()
        .filter(|record| record.direction == Direction::CloudToApp);
    assert_eq!(probes.filter(|record| record.method == "GET").count(), 4);
}
