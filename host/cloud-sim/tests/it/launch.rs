//! Launches.

use airlock_cloud_sim::{CloudSim, EventError};
use serde_json::json;

use crate::fake_app::FakeApp;
use crate::support::{sim, sim_with, until};

async fn installed(sim: &CloudSim, app: &FakeApp) -> (String, String) {
    let app_id = app.register(sim).await;
    (
        app_id.clone(),
        sim.install(&app_id, &["data:read"])
            .await
            .unwrap()
            .installed_app_id,
    )
}

#[tokio::test]
async fn a_launch_sends_three_identifiers_and_answers_the_portal() {
    let (sim, app) = (sim().await, FakeApp::start().await);
    let (app_id, id) = installed(&sim, &app).await;
    let url = sim.launch(&id).await.unwrap();
    assert_eq!(
        url.as_str(),
        format!("{}/page?token=very-secret-token", app.base)
    );
    let sent =
        json!({ "installed_app_id": id, "app_id": app_id, "instance_id": sim.instance_id() });
    assert_eq!(app.launches()[0].body, sent);
    sim.launch(&id).await.unwrap();
    assert_eq!(app.launches().len(), 2, "a fresh request on every launch");
}

#[tokio::test]
async fn the_old_contract_names_the_person() {
    let (sim, app) = (
        sim_with(|switches| switches.legacy_fields = true).await,
        FakeApp::start().await,
    );
    let (_, id) = installed(&sim, &app).await;
    sim.launch(&id).await.unwrap();
    let body = &app.launches()[0].body;
    assert_eq!(
        (body["organization_id"].as_str(), body["user_id"].as_str()),
        (Some(sim.organization_id()), Some(sim.user_id()))
    );
}

#[tokio::test]
async fn only_an_active_install_is_launched() {
    let (sim, app) = (sim().await, FakeApp::start().await);
    let (_, id) = installed(&sim, &app).await;
    sim.uninstall(&id).await.unwrap();
    assert_eq!(
        sim.launch(&id).await.unwrap_err().to_string(),
        "This install is uninstalled, not active."
    );
    assert_eq!(
        sim.launch("instapp_nobody").await.unwrap_err(),
        EventError::UnknownInstall
    );
    assert!(app.launches().is_empty());
}

#[tokio::test]
async fn an_answer_without_an_absolute_address_is_refused() {
    let (sim, app) = (sim().await, FakeApp::start().await);
    let (app_id, id) = installed(&sim, &app).await;
    for (body, reason) in [
        ("<html>", "it is not JSON"),
        ("{}", "it has no portal_url"),
        (r#"{"portal_url":7}"#, "it has no portal_url"),
        (
            r#"{"portal_url":"/enter?token=x"}"#,
            "its portal_url is not an absolute address",
        ),
        (
            r#"{"portal_url":"javascript:alert(1)"}"#,
            "its portal_url is not an http or https address",
        ),
    ] {
        app.behave(|behavior| behavior.portal = (200, body.to_owned()));
        assert_eq!(
            sim.launch(&id).await.unwrap_err(),
            EventError::BadAnswer(reason.to_owned()),
            "{body}"
        );
    }
    app.behave(|behavior| behavior.portal = (404, json!({ "error": "unknown" }).to_string()));
    assert!(matches!(
        sim.launch(&id).await,
        Err(EventError::Refused { status: 404, .. })
    ));
    assert_eq!(
        sim.last_error(&app_id).as_deref(),
        Some("The app answered 404: unknown.")
    );
    app.behave(|behavior| behavior.portal.0 = 307);
    assert!(
        matches!(
            sim.launch(&id).await,
            Err(EventError::Refused { status: 307, .. })
        ),
        "no redirects"
    );
}

#[tokio::test]
async fn a_page_that_the_dashboard_may_not_frame_is_noted() {
    let (sim, app) = (sim().await, FakeApp::start().await);
    let (app_id, id) = installed(&sim, &app).await;
    let pages = || {
        sim.requests()
            .iter()
            .filter(|record| record.path.starts_with("/page"))
            .count()
    };

    sim.launch(&id).await.unwrap();
    until("a missing policy is noted", || {
        sim.last_error(&app_id)
            .is_some_and(|text| text.contains("no Content-Security-Policy"))
    })
    .await;

    app.behave(|behavior| {
        behavior.page_policy = Some("frame-ancestors 'self' https://*.blnkfinance.com".to_owned());
    });
    sim.launch(&id).await.unwrap();
    until("an excluding policy is noted", || {
        sim.last_error(&app_id)
            .is_some_and(|text| text.contains("may not be framed"))
    })
    .await;

    let admitting = format!("frame-ancestors 'self' {}", sim.dashboard_origin());
    app.behave(|behavior| behavior.page_policy = Some(admitting));
    let before = pages();
    sim.launch(&id).await.unwrap();
    until("the page was fetched", || pages() > before).await;
    assert_eq!(sim.last_error(&app_id), None);
    let note = sim
        .requests()
        .into_iter()
        .rfind(|record| record.path.starts_with("/page"))
        .unwrap()
        .note;
    assert_eq!(
        note.as_deref(),
        Some("The dashboard may show this page in its frame.")
    );

    sim.set_switches(|switches| switches.check_portal_page = false);
    let before = pages();
    sim.launch(&id).await.unwrap();
    // Shutting down waits for what was begun in the background.
    sim.clone().shutdown().await;
    assert_eq!(pages(), before);
}
