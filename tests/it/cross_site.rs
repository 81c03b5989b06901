//! What strangers' pages and odd clients may not do, even with a live cookie.

use crate::support::clients::{exchange, token_of};
use crate::support::{Ask, Portal, TestHost};

async fn open() -> (TestHost, Portal) {
    let host = TestHost::setup().package("probes/echo").start().await;
    let install = host.install("echo", &["data:read"]).await;
    let portal = host.open(&install).await;
    (host, portal)
}

#[tokio::test]
async fn i40_only_the_hosts_own_pages_reach_a_portals_api() {
    let (host, portal) = open().await;
    let own = host.http.origin().to_owned();
    let cases: [(u16, &[(&str, &str)]); 14] = [
        (200, &[("sec-fetch-site", "same-origin")]),
        (
            200,
            &[("sec-fetch-site", "same-origin"), ("origin", "{own}")],
        ),
        (
            200,
            &[("sec-fetch-site", "same-origin"), ("origin", "null")],
        ),
        (200, &[("origin", "{own}")]),
        (403, &[]),
        (403, &[("sec-fetch-site", "none")]),
        (403, &[("sec-fetch-site", "same-site")]),
        (403, &[("sec-fetch-site", "cross-site")]),
        (
            403,
            &[("sec-fetch-site", "cross-site"), ("origin", "{own}")],
        ),
        (
            403,
            &[
                ("sec-fetch-site", "same-origin"),
                ("origin", "https://evil.example"),
            ],
        ),
        (403, &[("origin", "null")]),
        (403, &[("origin", "https://evil.example")]),
        (403, &[("origin", "{own}.evil.example")]),
        (
            403,
            &[("origin", "{own}"), ("origin", "https://evil.example")],
        ),
    ];
    let mut reached = Vec::new();
    for method in ["GET", "POST", "PUT", "DELETE"] {
        for (number, (status, headers)) in cases.iter().enumerate() {
            let path = format!("seen/{number}");
            let mut ask = Ask::new(method, &portal.api(&path)).header("cookie", &portal.cookie);
            for (name, value) in *headers {
                ask = ask.header(name, &value.replace("{own}", &own));
            }
            let answer = host.http.send(ask).await;
            assert_eq!(
                answer.status,
                *status,
                "{method} with {headers:?}: {}",
                answer.text()
            );
            if *status == 200 {
                reached.push(format!("{method} {path}"));
            } else {
                answer.problem(403, "cross-site");
                assert!(answer.header("airlock-digest").is_none());
            }
        }
    }
    let calls = portal.get("calls").await.expect(200).json();
    let mut calls: Vec<String> = serde_json::from_value(calls).unwrap();
    calls.sort();
    reached.sort();
    assert_eq!(calls, reached, "what was refused never reached the app");
}

#[tokio::test]
async fn i40_a_launch_token_is_exchanged_by_the_hosts_own_page_alone() {
    let (host, portal) = open().await;
    let install = host.installs().await[0].installed_app_id.clone();
    let token = token_of(&host.sim.launch(&install).await.unwrap());
    let body = serde_json::json!({ "token": token });
    for headers in [
        &[][..],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "none")],
        &[("origin", "null")],
        &[("origin", "http://localhost:8081")],
    ] {
        let mut ask = Ask::post("/session")
            .json(&body)
            .header("cookie", &portal.cookie);
        for (name, value) in headers {
            ask = ask.header(name, value);
        }
        let answer = host.http.send(ask).await;
        answer.problem(403, "cross-site");
        assert!(answer.header("set-cookie").is_none());
    }
    host.http.send(exchange(&token)).await.expect(200);
}

#[tokio::test]
async fn i42_a_request_for_another_name_is_421_on_every_address() {
    let (host, portal) = open().await;
    let cloud = host.cloud("echo").await;
    let port = host.http.origin().rsplit(':').next().unwrap().to_owned();
    let targets = [
        "/",
        "/enter",
        "/airlock.js",
        &portal.shell(),
        &portal.api("seen"),
        &cloud.callback,
    ];
    for name in [
        "evil.example",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost",
        &format!("localhost:{port}"),
    ] {
        for target in targets {
            let ask = Ask::get(target)
                .header("host", name)
                .header("cookie", &portal.cookie);
            let ask = ask.header("sec-fetch-site", "same-origin");
            let answer = host
                .http
                .send(ask.header("x-forwarded-host", host.http.origin()))
                .await;
            assert_eq!(answer.status, 421, "{name} {target:.20}");
        }
    }
    // A forwarded name changes nothing.
    let ask = Ask::post(&cloud.portal).header("x-forwarded-host", "evil.example");
    let install = &host.installs().await[0];
    let launch = ask
        .header("forwarded", "host=evil.example")
        .json(&serde_json::json!({
            "installed_app_id": install.installed_app_id,
            "app_id": install.app_id,
            "instance_id": install.instance_id,
        }));
    let address = host.http.send(launch).await.expect(200).text();
    assert!(!address.contains("evil"), "{address}");
}

#[tokio::test]
async fn i46_a_service_worker_script_is_never_served() {
    let (host, portal) = open().await;
    for target in [
        "/airlock.js",
        "/assets/shell.js",
        &portal.shell(),
        &portal.api("seen"),
    ] {
        let ask = portal.ask("GET", "seen").header("service-worker", "script");
        let answer = host
            .http
            .send(Ask {
                target: target.to_owned(),
                ..ask
            })
            .await;
        assert_eq!(answer.status, 403, "{target:.20}");
    }
    assert_eq!(portal.get("calls").await.json(), serde_json::json!([]));
}

#[tokio::test]
async fn i44_addresses_under_api_have_one_spelling() {
    let (host, portal) = open().await;
    let session = portal.shell();
    for (path, status) in [
        ("api/seen/%2e%2e/session", 400),
        ("api/seen/..%2fsession", 400),
        ("api/seen%2fx", 400),
        ("api/seen/%252e%252e", 400),
        ("api/seen//x", 400),
        ("api/seen/%zz", 400),
        ("api/seen/%ff", 400),
        ("api/seen/%00", 400),
        ("api%2fseen", 404),
        ("API/seen", 404),
        ("api", 404),
    ] {
        let answer = raw(&host, &portal, &format!("{session}{path}")).await;
        assert_eq!(answer, status, "{path}");
    }
    assert_eq!(
        raw(&host, &portal, &format!("/x/{}", "a".repeat(70_000))).await,
        414
    );
    assert_eq!(portal.get("calls").await.json(), serde_json::json!([]));
}

/// Sends a path as it is written: clients tidy paths up.
async fn raw(host: &TestHost, portal: &Portal, path: &str) -> u16 {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let authority = host.http.origin().strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(authority).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {authority}\r\ncookie: {}\r\nsec-fetch-site: same-origin\r\n\
         connection: close\r\n\r\n",
        portal.cookie
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A server that refuses early may reset the connection behind its answer.
    let _ = stream.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer);
    text.split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0)
}
