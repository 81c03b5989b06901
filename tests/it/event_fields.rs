//! The fields of an event: what each may hold, and what is told about one that does not.

use airlock_test_database::{TestDatabase, on_both};
use serde_json::{Value, json};

use crate::support::event::with;
use crate::support::{Ask, TestHost, TestInstall};

on_both!(
    i18_i26_i27_i28_a_wrong_field_is_422_and_is_named,
    i04_a_malformed_body_is_400,
    i26_i29_scopes_are_a_sorted_set_and_unknown_fields_are_taken,
);

/// A host with an app that can't be served: events need no more.
async fn dud(database: TestDatabase) -> TestHost {
    TestHost::setup().on(database).dud("kyc").start().await
}

async fn i18_i26_i27_i28_a_wrong_field_is_422_and_is_named(database: TestDatabase) {
    let host = dud(database).await;
    let cloud = host.cloud("kyc").await;
    let canary = "canary-in-a-value";
    let install = || TestInstall::new("1").install();
    let many: Vec<String> = (0..33).map(|number| format!("scope:{number}")).collect();
    let cases = [
        ("i18", "idempotency_key", json!(null)),
        ("i18", "idempotency_key", json!("")),
        ("i18", "idempotency_key", json!("instapp_1")),
        ("i18", "idempotency_key", json!("update:instapp_1")),
        ("i18", "idempotency_key", json!("install:instapp_2")),
        ("i18", "idempotency_key", json!("install:instapp_12")),
        (
            "i18",
            "idempotency_key",
            json!(format!("install:instapp_1:{}", "a".repeat(256))),
        ),
        ("i26", "granted_permissions", json!(null)),
        ("i26", "granted_permissions", json!(many)),
        ("i26", "granted_permissions", json!([format!("{canary},x")])),
        ("i27", "api_key", json!(null)),
        ("i27", "api_key", json!("")),
        ("i27", "api_key", json!(format!("{canary}\r\nx"))),
        ("i27", "api_key", json!("schlüssel-canary-in-a-value")),
        ("i27", "api_key", json!("x".repeat(50_000))),
        ("i28", "installed_app_id", json!(null)),
        (
            "i28",
            "installed_app_id",
            json!("a'; drop table installs; --"),
        ),
        ("i28", "app_id", json!("../../canary-in-a-value")),
        ("i28", "app_id", json!("")),
        ("i28", "instance_id", json!("a\u{0}b")),
        ("i28", "instance_id", json!("x".repeat(10_000))),
        ("i28", "instance_id", json!("instance\"1")),
        ("i29", "organization_id", json!("org 1")),
        (
            "cross-check",
            "uninstalled_at",
            json!("2026-04-21T12:00:00Z"),
        ),
        ("prefix", "api_key_prefix", json!("x".repeat(33))),
    ];
    for (id, field, value) in cases {
        let answer = cloud.event(&with(install(), field, value.clone())).await;
        let problem = answer.problem(422, "invalid-field");
        assert_eq!(problem["field"], field, "{id}: {value:.60} {problem}");
        assert!(
            problem["detail"].as_str().unwrap().contains(field),
            "{problem}"
        );
        assert!(
            !answer.text().contains(canary),
            "{id}: the value is repeated: {problem}"
        );
    }
    assert_eq!(host.installs().await.len(), 0, "nothing was stored");
}

async fn i04_a_malformed_body_is_400(database: TestDatabase) {
    let host = dud(database).await;
    let cloud = host.cloud("kyc").await;
    let install = || TestInstall::new("1").install();
    let key = TestInstall::new("1").key;
    for (case, body) in [
        ("broken", br#"{"installed_app_id":"#.to_vec()),
        ("no object", b"[]".to_vec()),
        ("a text", br#""install""#.to_vec()),
        ("byte order mark", b"\xef\xbb\xbf{}".to_vec()),
        ("no UTF-8", b"{\"app_id\":\"\xff\"}".to_vec()),
        ("deep", vec![b'['; 60_000]),
        (
            "a field twice",
            br#"{"app_id":"app_1","app_id":"app_2"}"#.to_vec(),
        ),
        ("two documents", b"{}{}".to_vec()),
        (
            "wrong type",
            with(install(), "api_key", json!({ "is": key }))
                .to_string()
                .into_bytes(),
        ),
        (
            "null scope",
            with(install(), "granted_permissions", json!([null]))
                .to_string()
                .into_bytes(),
        ),
    ] {
        let answer = cloud
            .http
            .send(Ask::post(&cloud.callback).bytes(body))
            .await;
        answer.problem(400, "malformed");
        assert!(!answer.text().contains(&key), "{case}");
    }
    assert_eq!(host.installs().await.len(), 0, "nothing was stored");
}

async fn i26_i29_scopes_are_a_sorted_set_and_unknown_fields_are_taken(database: TestDatabase) {
    let host = dud(database).await;
    let cloud = host.cloud("kyc").await;
    let scopes = |number: usize, scopes: Value| {
        let event = TestInstall::new(&number.to_string()).install();
        with(
            with(event, "granted_permissions", scopes),
            "something_new",
            json!({ "a": [1] }),
        )
    };
    for (number, (given, kept)) in [
        (json!([]), json!([])),
        (
            json!(["data:write", "data:read", "data:write"]),
            json!(["data:read", "data:write"]),
        ),
        (
            json!(["data:read", "made:up"]),
            json!(["data:read", "made:up"]),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        cloud.event(&scopes(number, given)).await.expect(200);
        let line = host.installs().await.pop().unwrap();
        assert_eq!(json!(line.granted_permissions), kept);
    }
    let header = with(
        TestInstall::new("header").install(),
        "idempotency_key",
        json!(null),
    );
    let ask = Ask::post(&cloud.callback).header("idempotency-key", "install:instapp_header");
    host.http.send(ask.json(&header)).await.expect(200);
    assert_eq!(host.installs().await.len(), 4);
}
