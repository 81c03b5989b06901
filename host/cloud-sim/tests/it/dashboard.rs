//! The dashboard's page, its buttons, and who may press them.

use airlock_cloud_sim::CloudSim;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::fake_app::{FakeApp, SECRET};
use crate::support::{ALL, answer, http, sim};

fn ask(sim: &CloudSim, method: Method, path: &str) -> RequestBuilder {
    http().request(method, format!("{}{path}", sim.api_url()))
}

async fn read(sim: &CloudSim, path: &str) -> Value {
    let (status, body) = answer(ask(sim, Method::GET, &format!("dashboard/api/{path}"))).await;
    assert_eq!(status, 200, "{path}: {body}");
    body
}

async fn press(sim: &CloudSim, path: &str, body: Value) -> (u16, Value) {
    answer(ask(sim, Method::POST, &format!("dashboard/api/{path}")).json(&body)).await
}

#[tokio::test]
async fn the_page_and_its_parts_have_guarding_headers() {
    let sim = sim().await;
    for (path, kind) in [
        ("", "text/html; charset=utf-8"),
        ("dashboard/assets/style.css", "text/css; charset=utf-8"),
        ("dashboard/assets/app.js", "text/javascript; charset=utf-8"),
    ] {
        let response = ask(&sim, Method::GET, path).send().await.unwrap();
        assert_eq!(
            (
                response.status().as_u16(),
                &response.headers()["content-type"]
            ),
            (200, &kind.parse().unwrap())
        );
        check_headers(&response);
    }
    for path in [
        "dashboard/assets/none.js",
        "dashboard/assets/..%2FCargo.toml",
        "dashboard/api/none",
    ] {
        let response = ask(&sim, Method::GET, path).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 404, "{path}");
        check_headers(&response);
    }
}

fn check_headers(response: &Response) {
    let headers = response.headers();
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'self';") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"));
    assert_eq!(
        (
            &headers["x-content-type-options"],
            &headers["cache-control"]
        ),
        (&"nosniff".parse().unwrap(), &"no-store".parse().unwrap())
    );
}

#[tokio::test]
async fn buttons_install_launch_and_uninstall() {
    let (sim, app) = (sim().await, FakeApp::start().await);
    let app_id = app.register(&sim).await;
    let before = read(&sim, "state").await;
    assert_eq!(
        (&before["apps"][0]["install"], &before["apps"][0]["status"]),
        (&Value::Null, &json!("registered"))
    );
    assert_eq!(
        before["apps"][0]["registration"],
        json!({ "ok": true, "message": null })
    );
    assert_eq!(
        before["apps"][0]["permissions"][1],
        json!({ "scope": "data:write", "label": "Create and update ledger data", "purpose": "To use data:write." })
    );

    let (status, body) = press(
        &sim,
        &format!("apps/{app_id}/install"),
        json!({ "granted": ["data:read"] }),
    )
    .await;
    assert_eq!(
        (
            status,
            &body["install"]["status"],
            &body["install"]["granted"]
        ),
        (200, &json!("active"), &json!(["data:read"]))
    );
    let id = body["install"]["installed_app_id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        press(
            &sim,
            &format!("apps/{app_id}/install"),
            json!({ "granted": [] })
        )
        .await
        .0,
        409
    );
    let (status, body) = press(&sim, &format!("installs/{id}/launch"), json!({})).await;
    assert_eq!((status, body["portal_url"].as_str().is_some()), (200, true));

    app.behave(|behavior| behavior.callback_statuses = vec![500, 200]);
    let (status, body) = press(&sim, &format!("installs/{id}/uninstall"), json!({})).await;
    assert_eq!(
        (status, &body["error"]),
        (502, &json!("The app answered 500."))
    );
    let (status, body) = press(&sim, &format!("installs/{id}/uninstall"), json!({})).await;
    assert_eq!(
        (status, &body["install"]["status"]),
        (200, &json!("uninstalled"))
    );
    assert_eq!(
        press(&sim, &format!("installs/{id}/launch"), json!({}))
            .await
            .0,
        409
    );
    assert_eq!(
        press(&sim, "installs/instapp_nobody/launch", json!({}))
            .await
            .0,
        404
    );
    assert_eq!(
        press(&sim, "apps/app_nobody/install", json!({ "granted": [] }))
            .await
            .0,
        404
    );
    assert_eq!(
        press(
            &sim,
            &format!("apps/{app_id}/install"),
            json!({ "granted": ["root"] })
        )
        .await
        .0,
        422
    );
    assert_eq!(
        read(&sim, "state").await["apps"][0]["install"]["status"],
        "uninstalled"
    );
}

#[tokio::test]
async fn nothing_that_is_shown_holds_a_key_or_an_address_secret() {
    let (sim, app) = (sim().await, FakeApp::start().await);
    let app_id = app.register(&sim).await;
    let installed = sim.install(&app_id, &ALL).await.unwrap();
    let shown = format!(
        "{}{}",
        read(&sim, "state").await,
        read(&sim, "requests?after=0").await
    );
    assert!(shown.contains(&installed.api_key_prefix));
    for secret in [installed.api_key.as_str(), SECRET] {
        assert!(!shown.contains(secret));
    }
}

#[tokio::test]
async fn other_sites_cannot_press_buttons_and_curl_can() {
    let sim = sim().await;
    let reset = || ask(&sim, Method::POST, "dashboard/api/reset");
    let own = sim.api_url().as_str().trim_end_matches('/').to_owned();
    let status = async |request: RequestBuilder| request.send().await.unwrap().status().as_u16();
    assert_eq!(status(reset()).await, 200);
    assert_eq!(status(reset().header("origin", &own)).await, 200);
    assert_eq!(
        status(
            reset()
                .header("origin", &own)
                .header("sec-fetch-site", "same-origin")
        )
        .await,
        200
    );
    for origin in ["http://evil.example", "null", "http://localhost:1", ""] {
        assert_eq!(
            status(reset().header("origin", origin)).await,
            403,
            "{origin}"
        );
    }
    for site in ["cross-site", "same-site", "none"] {
        assert_eq!(
            status(reset().header("sec-fetch-site", site)).await,
            403,
            "{site}"
        );
    }
    let port = sim.address().port();
    assert_eq!(
        status(reset().header("host", format!("evil.example:{port}"))).await,
        421,
        "rebinding"
    );
    assert_eq!(
        status(reset().header("host", format!("localhost:{port}"))).await,
        200
    );
    assert_eq!(
        status(ask(&sim, Method::GET, "dashboard/api/state").header("host", "evil.example")).await,
        421
    );
}
