//! The public listener's promises, asked over its router: the one 404, the header sets, sessions, and what the log holds.

mod fixture;
mod sessions;
mod signed;

use axum::Router;
use axum::body::Body;
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::routing::get;
use fixture::{Fixture, PUBLIC, json_post};

const OTHER: &str = "default-src 'none'; frame-ancestors 'none'";

fn without_request_id(mut headers: HeaderMap) -> HeaderMap {
    headers.remove("x-request-id");
    headers
}

#[tokio::test]
async fn every_refusal_of_cloud_is_the_one_404() {
    let fixture = Fixture::with_install().await;
    let unknown = fixture.send(Request::get("/nothing/here")).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    let launch = |install: &str, app: &str, instance: &str| {
        format!(r#"{{"installed_app_id":"{install}","app_id":"{app}","instance_id":"{instance}"}}"#)
    };
    let wrong = |kind: &str| format!("/api/{kind}/kyc/{}", "A".repeat(43));
    let refusals = [
        json_post(&wrong("callback"), "{}"),
        json_post(&wrong("portal"), "{}"),
        Request::get(wrong("callback")).body(Body::empty()).unwrap(),
        Request::delete(wrong("portal"))
            .body(Body::empty())
            .unwrap(),
        json_post("/api/callback/kyc/%ff", "{}"),
        json_post(&fixture.portal.replace("/kyc/", "/other/"), "{}"),
        json_post(&fixture.callback.replace("callback", "portal"), "{}"),
        json_post(&fixture.portal, &launch("instapp_9", "app_1", "inst_1")),
        json_post(&fixture.portal, &launch("instapp_1", "app_2", "inst_1")),
        json_post(&fixture.portal, &launch("instapp_1", "app_1", "inst_2")),
    ];
    for request in refusals {
        let line = format!("{} {}", request.method(), request.uri());
        let answer = fixture.send_request(request).await;
        assert_eq!(answer.status, unknown.status, "{line}");
        assert_eq!(answer.body, unknown.body, "{line}");
        assert_eq!(
            without_request_id(answer.headers),
            without_request_id(unknown.headers.clone()),
            "{line}"
        );
    }
}

#[tokio::test]
async fn i02_a_look_at_clouds_addresses_does_nothing() {
    let fixture = Fixture::new().await;
    for address in [&fixture.callback, &fixture.portal] {
        for (method, status) in [
            (Method::GET, 200),
            (Method::HEAD, 200),
            (Method::OPTIONS, 204),
            (Method::POST, 200),
        ] {
            let answer = fixture
                .send(Request::builder().method(method.clone()).uri(address))
                .await;
            assert_eq!(
                (answer.status.as_u16(), answer.body.len()),
                (status, 0),
                "{method}"
            );
        }
        let answer = fixture.send(Request::delete(address)).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.headers[ALLOW], "GET, HEAD, OPTIONS, POST");
    }
    assert_eq!(fixture.web.installs().list().await.unwrap().len(), 0);
}

#[tokio::test]
async fn bad_events_are_told_apart_and_name_the_field() {
    let fixture = Fixture::new().await;
    let typed = |name, value| {
        Request::post(&fixture.callback)
            .header(name, value)
            .body(Body::from(fixture::INSTALL))
            .unwrap()
    };
    for (request, status, word) in [
        (json_post(&fixture.callback, "{"), 400, "malformed"),
        (
            json_post(&fixture.callback, r#"{"idempotency_key":"install:x"}"#),
            422,
            r#""field":"installed_app_id""#,
        ),
        (
            json_post(&fixture.callback, &"x".repeat(64 * 1024 + 1)),
            413,
            "too-large",
        ),
        (
            typed("content-type", "text/plain"),
            415,
            "unsupported-media-type",
        ),
        (
            typed("content-encoding", "gzip"),
            415,
            "unsupported-media-type",
        ),
    ] {
        let answer = fixture.send_request(request).await;
        assert_eq!(answer.status.as_u16(), status, "{word}");
        assert_eq!(answer.headers[CONTENT_TYPE], "application/problem+json");
        assert!(
            answer.text().contains(word),
            "{} lacks {word}",
            answer.text()
        );
    }
    let untyped = Request::post(&fixture.callback)
        .body(Body::from(fixture::INSTALL))
        .unwrap();
    let answer = fixture.send_request(untyped).await;
    assert_eq!(
        (answer.status.as_u16(), answer.text().as_str()),
        (200, r#"{"ok":true}"#)
    );
}

#[tokio::test]
async fn every_answer_carries_the_headers_of_its_kind() {
    let fixture = Fixture::with_install().await;
    let sid = "AAAAAAAAAA";
    for (method, path, status, policy) in [
        ("GET", "/".to_owned(), 404, OTHER),
        ("GET", "/enter".to_owned(), 200, "frame-src 'none'"),
        ("POST", "/enter".to_owned(), 405, "frame-src 'none'"),
        ("GET", "/session".to_owned(), 405, OTHER),
        ("POST", "/session".to_owned(), 403, OTHER),
        ("GET", format!("/s/{sid}/"), 401, "frame-src 'none'"),
        ("GET", format!("/s/{sid}/api/x"), 403, OTHER),
        ("GET", format!("/s/{sid}"), 404, OTHER),
        (
            "GET",
            "/airlock.js".to_owned(),
            200,
            "sandbox allow-scripts",
        ),
        (
            "PUT",
            "/airlock.js".to_owned(),
            405,
            "sandbox allow-scripts",
        ),
        (
            "GET",
            format!("/ui/kyc/{}/x.js", "0".repeat(64)),
            404,
            "sandbox allow-scripts",
        ),
        (
            "GET",
            "/ui/nothing".to_owned(),
            404,
            "sandbox allow-scripts",
        ),
        ("GET", "/assets/shell.js".to_owned(), 200, OTHER),
        ("GET", "/assets/nothing".to_owned(), 404, OTHER),
        ("GET", format!("/{}", "a".repeat(9000)), 414, OTHER),
        ("GET", fixture.callback.clone(), 200, OTHER),
    ] {
        let answer = fixture
            .send(Request::builder().method(method).uri(&path))
            .await;
        let line = format!("{method} {path:.40}");
        assert_eq!(answer.status.as_u16(), status, "{line}");
        let csp = answer.headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(csp.contains(policy), "{line}: {csp}");
        assert_eq!(
            csp.contains("frame-ancestors 'none'"),
            policy == OTHER,
            "{line}: {csp}"
        );
        assert_eq!(answer.headers[CACHE_CONTROL], "no-store", "{line}");
        for name in [
            "x-content-type-options",
            "referrer-policy",
            "permissions-policy",
            "strict-transport-security",
        ] {
            assert!(answer.headers.contains_key(name), "{line} lacks {name}");
        }
        assert!(!answer.headers.contains_key("x-frame-options"), "{line}");
    }
}

#[tokio::test]
async fn i48_a_panic_is_a_500_with_a_request_id_only() {
    let fixture = Fixture::new().await;
    let boom = Router::new().route(
        "/boom",
        get(async || -> StatusCode { panic!("secret words") }),
    );
    let answer = fixture::send_to(
        &super::router::wrap(boom, fixture.web.clone()),
        fixture::request("/boom"),
    )
    .await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    let id = answer.headers["x-request-id"].to_str().unwrap();
    assert_eq!(
        answer.text(),
        format!(
            r#"{{"type":"urn:airlock:problem:internal","title":"Internal server error","status":500,"request_id":"{id}"}}"#
        )
    );
    assert_eq!(answer.headers[CONTENT_SECURITY_POLICY], OTHER);
}

#[tokio::test]
async fn i42_only_the_public_name_is_answered() {
    let fixture = Fixture::new().await;
    let ask = async |host: &str| {
        let request = Request::get("/enter")
            .header(HOST, host)
            .header("x-forwarded-host", "apps.example.com");
        fixture::send_to(&fixture.router, request.body(Body::empty()).unwrap())
            .await
            .status
            .as_u16()
    };
    for host in [
        "apps.example.com",
        "APPS.example.com",
        "apps.example.com:443",
    ] {
        assert_eq!(ask(host).await, 200, "{host}");
    }
    for host in [
        "evil.example",
        "apps.example.com:80",
        "apps.example.com.",
        "apps.example.com:",
        "x:443@apps.example.com",
    ] {
        assert_eq!(ask(host).await, 421, "{host}");
    }
    let missing = Request::get("/enter").body(Body::empty()).unwrap();
    assert_eq!(
        fixture::send_to(&fixture.router, missing)
            .await
            .status
            .as_u16(),
        421
    );
}

#[tokio::test]
async fn i46_a_service_worker_script_is_refused() {
    let fixture = Fixture::new().await;
    let answer = fixture
        .send(Request::get("/airlock.js").header("service-worker", "script"))
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn t5_the_log_holds_templates_and_no_secrets() {
    let fixture = Fixture::with_install().await;
    let token = fixture.launch_token();
    let (log, guard) = fixture::capture_log();
    fixture
        .send(Request::get(format!("/enter?token={token}")))
        .await;
    let opened = fixture.open_session(&token, None).await;
    fixture
        .send(Request::get(format!("/s/{}/", opened.session())).header("cookie", opened.cookie()))
        .await;
    fixture
        .send_request(json_post(&fixture.callback, fixture::INSTALL))
        .await;
    fixture
        .send(Request::get("/api/callback/kyc/canary-in-a-wrong-secret"))
        .await;
    fixture
        .send(Request::get("/canary-in-an-unknown-path"))
        .await;
    drop(guard);
    let log = log.text();
    assert!(
        log.contains("/api/callback/{app}/{secret}") && log.contains("/s/{sid}/"),
        "{log}"
    );
    let secret = fixture.callback.rsplit('/').next().unwrap();
    for canary in [
        &token,
        secret,
        opened.session(),
        "canary",
        "blnk_test_key",
        PUBLIC,
    ] {
        assert!(!log.contains(canary), "the log holds {canary}: {log}");
    }
}
