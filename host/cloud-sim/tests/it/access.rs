//! Bearer, then instance, then scope.

use airlock_cloud_sim::{CloudSim, Options};
use reqwest::Method;
use serde_json::json;

use crate::support::{ALL, Client, answer, error_code, sim, sim_with};

#[tokio::test]
async fn a_call_without_a_key_is_refused_with_the_documented_words() {
    let sim = sim().await;
    let client = Client::new(&sim, &ALL).await;
    for path in [
        "/data/identities",
        "/proxy/ledgers",
        "/alerts",
        "/no/such/route",
    ] {
        let (status, body) = answer(client.anonymous(Method::GET, path)).await;
        assert_eq!(
            (status, body),
            (401, json!({ "error": "Authorization header is required" })),
            "{path}"
        );
    }
}

#[tokio::test]
async fn unknown_revoked_and_misplaced_keys_are_all_401() {
    let sim = sim().await;
    let client = Client::new(&sim, &ALL).await;
    assert_eq!(
        client.with_key("blnk_0000").get("/data/ledgers").await.0,
        401
    );
    let header = client
        .anonymous(Method::GET, &client.on_instance("/data/ledgers"))
        .header("x-blnk-key", &client.api_key);
    assert_eq!(answer(header).await.0, 401);
    let bare = client
        .anonymous(Method::GET, &client.on_instance("/data/ledgers"))
        .header("authorization", &client.api_key);
    assert_eq!(answer(bare).await.0, 401);
    assert_eq!(client.get("/data/ledgers").await.0, 200);
    assert!(sim.revoke_key(&client.api_key));
    assert_eq!(client.get("/data/ledgers").await.0, 401);
    assert!(sim.restore_key(&client.api_key));
    assert_eq!(client.get("/data/ledgers").await.0, 200);
}

#[tokio::test]
async fn the_instance_is_required_except_on_alerts() {
    let sim = sim().await;
    let client = Client::new(&sim, &ALL).await;
    for (method, path) in [
        (Method::GET, "/data/ledgers"),
        (Method::POST, "/ledger/filter"),
        (Method::GET, "/proxy/ledgers"),
    ] {
        let (status, body) = answer(client.request(method, path)).await;
        assert_eq!(
            (status, body),
            (400, json!({ "error": "instance_id is required" })),
            "{path}"
        );
    }
    assert_eq!(answer(client.request(Method::GET, "/alerts")).await.0, 200);
    assert_eq!(client.get("/alerts").await.0, 200);
    sim.set_switches(|switches| switches.alerts_require_instance = true);
    assert_eq!(answer(client.request(Method::GET, "/alerts")).await.0, 400);
}

#[tokio::test]
async fn another_instance_is_403_everywhere_even_when_it_exists() {
    let sim = CloudSim::start(Options {
        extra_instances: 1,
        ..Options::default()
    })
    .await
    .unwrap();
    let client = Client::new(&sim, &ALL).await;
    let other = &sim.instance_ids()[1];
    assert!(other.starts_with("instance_"));
    for path in ["/data/identities", "/proxy/identities", "/alerts"] {
        for instance in [other.as_str(), "instance_nobody"] {
            let (status, body) =
                answer(client.request(Method::GET, &format!("{path}?instance_id={instance}")))
                    .await;
            assert_eq!(
                (status, body),
                (
                    403,
                    json!({ "error": "API key is not valid for this instance" })
                )
            );
        }
    }
    // The first of two counts, as in Go.
    let twice = format!(
        "/data/ledgers?instance_id={}&instance_id={other}",
        client.instance_id
    );
    assert_eq!(answer(client.request(Method::GET, &twice)).await.0, 200);
}

#[tokio::test]
async fn each_family_of_routes_needs_its_scope() {
    let sim = sim().await;
    let routes = [
        (Method::GET, "/data/identities", "data:read"),
        (Method::GET, "/data/identities/idt_1", "data:read"),
        (Method::POST, "/identities/filter", "data:read"),
        (Method::GET, "/proxy/identities", "data:read"),
        (
            Method::GET,
            "/proxy/identities/idt_1/detokenize/FirstName",
            "data:read",
        ),
        (Method::GET, "/proxy/balances/bln_1/at", "data:read"),
        (Method::POST, "/proxy/identities", "data:write"),
        (Method::PUT, "/proxy/identities/idt_1", "data:write"),
        (Method::POST, "/proxy/idt_1/metadata", "data:write"),
        (Method::POST, "/proxy/transactions", "data:write"),
        (
            Method::PUT,
            "/proxy/transactions/inflight/txn_1",
            "data:write",
        ),
        (
            Method::POST,
            "/proxy/identities/idt_1/detokenize",
            "data:write",
        ),
        (Method::GET, "/alerts", "alerts:read"),
        (Method::GET, "/alerts/statuses", "alerts:read"),
        (Method::POST, "/alerts/flag/idt_1", "alerts:write"),
        (Method::DELETE, "/alerts/statuses/X", "alerts:write"),
    ];
    for (method, path, needed) in routes {
        let others: Vec<&str> = ALL.into_iter().filter(|scope| *scope != needed).collect();
        let without = Client::new(&sim, &others).await;
        let request = without
            .request(method.clone(), &without.on_instance(path))
            .json(&json!({}));
        let (status, body) = answer(request).await;
        let words = format!("Insufficient permissions: {needed} required");
        assert_eq!(
            (status, body),
            (403, json!({ "error": words })),
            "{method} {path}"
        );
        let with = Client::new(&sim, &[needed]).await;
        let (status, _) = answer(
            with.request(method.clone(), &with.on_instance(path))
                .json(&json!({})),
        )
        .await;
        assert_ne!(status, 403, "{method} {path}");
    }
}

#[tokio::test]
async fn unknown_routes_are_404_for_a_good_key() {
    let sim = sim().await;
    let client = Client::new(&sim, &ALL).await;
    for path in [
        "/nothing",
        "/data/cats",
        "/proxy/cats",
        "/cloud/alerts",
        "/data/identities/",
    ] {
        assert_eq!(client.get(path).await.0, 404, "{path}");
    }
    assert_eq!(client.post("/ledgers/filter", json!({})).await.0, 404);
    assert_eq!(client.delete("/proxy/identities/idt_1").await.0, 404);
}

#[tokio::test]
async fn a_body_above_five_megabytes_is_refused() {
    let sim = sim().await;
    let client = Client::new(&sim, &ALL).await;
    let id = sim.identities()[0]["identity_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let big = "x".repeat(5 * 1024 * 1024);
    let (status, _) = client
        .post(
            &format!("/proxy/{id}/metadata"),
            json!({ "meta_data": { "big": big } }),
        )
        .await;
    assert_eq!(status, 413);
    let fits = "x".repeat(4 * 1024 * 1024);
    let (status, _) = client
        .post(
            &format!("/proxy/{id}/metadata"),
            json!({ "meta_data": { "big": fits } }),
        )
        .await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn older_cores_send_no_error_detail() {
    let sim = sim_with(|switches| switches.core_error_detail = false).await;
    let client = Client::new(&sim, &ALL).await;
    let (status, body) = client.get("/proxy/identities/idt_nobody").await;
    assert_eq!(
        (status, body),
        (
            404,
            json!({ "error": "Identity with ID 'idt_nobody' not found" })
        )
    );
    sim.set_switches(|switches| switches.core_error_detail = true);
    assert_eq!(
        error_code(&client.get("/proxy/identities/idt_nobody").await.1),
        "IDT_NOT_FOUND"
    );
}
