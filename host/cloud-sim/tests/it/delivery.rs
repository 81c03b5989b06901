//! How events are delivered: duplicates, retries, slowness, older fields.

use std::time::{Duration, Instant};

use crate::fake_app::{FakeApp, SECRET};
use crate::support::{sim, sim_with, until};
use airlock_cloud_sim::{CloudSim, EventError};

async fn installed(sim: &CloudSim, app: &FakeApp) -> (String, airlock_cloud_sim::Installed) {
    let app_id = app.register(sim).await;
    let installed = sim
        .install(&app_id, &["data:read", "data:write"])
        .await
        .unwrap();
    (app_id, installed)
}

#[tokio::test]
async fn legacy_fields_and_the_header_can_be_switched_on() {
    let sim = sim_with(|switches| {
        switches.legacy_fields = true;
        switches.idempotency_header = true;
    })
    .await;
    let app = FakeApp::start().await;
    let (_, installed) = installed(&sim, &app).await;
    sim.uninstall(&installed.installed_app_id).await.unwrap();
    for (received, word) in app.callbacks().iter().zip(["install", "uninstall"]) {
        assert_eq!(received.body["organization_id"], sim.organization_id());
        assert!(received.body.get("user_id").is_none());
        let key = format!("{word}:{}", installed.installed_app_id);
        assert_eq!(received.idempotency_header.as_deref(), Some(key.as_str()));
        assert_eq!(received.body["idempotency_key"], key);
    }
    sim.set_switches(|switches| switches.idempotency_body = false);
    sim.install(&installed.app_id, &["data:read"])
        .await
        .unwrap();
    let last = app.callbacks().pop().unwrap();
    assert!(last.body.get("idempotency_key").is_none() && last.idempotency_header.is_some());
}

#[tokio::test]
async fn events_can_come_twice() {
    for at_once in [false, true] {
        let sim = sim_with(|switches| {
            switches.duplicate_delivery = true;
            switches.duplicate_at_once = at_once;
        })
        .await;
        let app = FakeApp::start().await;
        let (_, installed) = installed(&sim, &app).await;
        let received = app.callbacks();
        assert_eq!(received.len(), 2);
        assert_eq!(received[0].body, received[1].body);
        sim.uninstall(&installed.installed_app_id).await.unwrap();
        assert_eq!(app.callbacks().len(), 4);
    }
}

#[tokio::test]
async fn a_failed_event_is_sent_once_unless_retries_are_on() {
    let (sim, app) = (sim().await, FakeApp::start().await);
    let app_id = app.register(&sim).await;
    app.behave(|behavior| behavior.callback_statuses = vec![500, 500, 200]);
    sim.install(&app_id, &["data:read"]).await.unwrap_err();
    assert_eq!(app.callbacks().len(), 1);
    sim.set_switches(|switches| {
        switches.retry_on_failure = true;
        switches.retry_delay_ms = 10;
    });
    let installed = sim.install(&app_id, &["data:read"]).await.unwrap();
    let received = app.callbacks();
    assert_eq!(received.len(), 3);
    assert_eq!(
        received[1].body, received[2].body,
        "the same key and event key again"
    );
    assert!(sim.key_is_live(&installed.api_key));
}

#[tokio::test]
async fn a_slow_reader_and_sender_still_deliver() {
    let sim = sim_with(|switches| {
        switches.slow_reader = true;
        switches.slow_sender = true;
        switches.slow_pause_ms = 30;
    })
    .await;
    let app = FakeApp::start().await;
    let begun = Instant::now();
    installed(&sim, &app).await;
    assert!(begun.elapsed() >= Duration::from_millis(8 * 30));
    sim.set_switches(|switches| switches.slow_pause_ms = 60_000);
    let slow = app.callbacks()[0].body["installed_app_id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(matches!(
        sim.uninstall(&slow).await,
        Err(EventError::TimedOut(_))
    ));
}

#[tokio::test]
async fn an_uninstall_ends_only_when_the_app_says_so() {
    let (sim, app) = (sim().await, FakeApp::start().await);
    let (app_id, installed) = installed(&sim, &app).await;
    let id = &installed.installed_app_id;
    app.behave(|behavior| behavior.callback_statuses = vec![500, 200]);
    assert!(matches!(
        sim.uninstall(id).await,
        Err(EventError::Refused { status: 500, .. })
    ));
    assert_eq!(sim.install_status(id), Some("active"));
    assert!(sim.key_is_live(&installed.api_key));
    sim.uninstall(id).await.unwrap();
    assert_eq!(sim.install_status(id), Some("uninstalled"));
    assert!(!sim.key_is_live(&installed.api_key));
    let body = app.callbacks().pop().unwrap().body;
    let mut names: Vec<&str> = body
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "app_id",
            "idempotency_key",
            "installed_app_id",
            "instance_id",
            "uninstalled_at"
        ]
    );
    assert_eq!(body["idempotency_key"], format!("uninstall:{id}"));
    assert!(body["uninstalled_at"].as_str().unwrap().ends_with('Z'));
    assert!(matches!(
        sim.uninstall(id).await,
        Err(EventError::NotActive { .. })
    ));
    assert!(matches!(
        sim.uninstall("instapp_nobody").await,
        Err(EventError::UnknownInstall)
    ));

    let again = sim.install(&app_id, &["data:read"]).await.unwrap();
    assert_ne!(
        (&again.installed_app_id, &again.api_key),
        (id, &installed.api_key)
    );
}

#[tokio::test]
async fn a_reinstall_can_repeat_the_identifier_with_a_new_key() {
    let (sim, app) = (
        sim_with(|switches| switches.reuse_installed_app_id = true).await,
        FakeApp::start().await,
    );
    let (app_id, first) = installed(&sim, &app).await;
    sim.uninstall(&first.installed_app_id).await.unwrap();
    let second = sim.install(&app_id, &["data:read"]).await.unwrap();
    assert_eq!(first.installed_app_id, second.installed_app_id);
    assert_ne!(first.api_key, second.api_key);
    assert!(!sim.key_is_live(&first.api_key) && sim.key_is_live(&second.api_key));
}

#[tokio::test]
async fn records_mask_the_addresses_and_hold_no_key() {
    let (sim, app) = (sim().await, FakeApp::start().await);
    let (_, installed) = installed(&sim, &app).await;
    sim.launch(&installed.installed_app_id).await.unwrap();
    until("the page was fetched", || {
        sim.requests()
            .iter()
            .any(|record| record.path.starts_with("/page"))
    })
    .await;
    let records = sim.requests();
    let shown = serde_json::to_string(&records).unwrap();
    for secret in [SECRET, "very-secret-token", installed.api_key.as_str()] {
        assert!(!shown.contains(secret), "{secret}");
    }
    assert!(
        records
            .iter()
            .any(|record| record.path == "/api/callback/demo/…" && record.status == Some(200))
    );
    assert!(records.iter().any(|record| record.path == "/page?token=…"));
    let event = records
        .iter()
        .find(|record| record.method == "POST")
        .unwrap();
    let details = sim.request_details(event.seq).unwrap();
    assert_eq!(details.path, format!("/api/callback/demo/{SECRET}"));
    assert_eq!(details.request_body.unwrap()["api_key"], installed.api_key);
}
