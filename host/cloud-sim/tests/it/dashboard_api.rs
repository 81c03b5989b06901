//! The data behind the dashboard: switches, browsing, requests.

use airlock_cloud_sim::CloudSim;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::fake_app::FakeApp;
use crate::support::{ALL, Client, answer, http, sim};

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
async fn switches_change_in_part_and_unknown_ones_are_named() {
    let sim = sim().await;
    let put = |body: Value| answer(ask(&sim, Method::PUT, "dashboard/api/switches").json(&body));
    let (status, body) = put(json!({ "latency_ms": 5, "outage": false })).await;
    assert_eq!(
        (status, &body["latency_ms"], &body["omit_zero_numbers"]),
        (200, &json!(5), &json!(true))
    );
    assert!(
        body.as_object()
            .unwrap()
            .values()
            .all(|value| value.is_boolean() || value.is_number())
    );
    let (status, body) = put(json!({ "latency_ms": 9, "gravity": true })).await;
    assert_eq!(
        (status, &body["error"]),
        (422, &json!("There is no switch named \"gravity\"."))
    );
    assert_eq!(put(json!({ "latency_ms": "soon" })).await.0, 422);
    assert_eq!(put(json!({ "inject_status": 200 })).await.0, 422);
    assert_eq!(
        sim.switches().latency_ms,
        5,
        "nothing of a refused change is kept"
    );
}

#[tokio::test]
async fn the_ledger_can_be_browsed_and_searched() {
    let sim = sim().await;
    let body = read(&sim, "ledger/identities?page=2&page_size=50").await;
    assert_eq!(
        (
            &body["page"],
            &body["page_size"],
            body["data"].as_array().unwrap().len()
        ),
        (&json!(2), &json!(50), 50)
    );
    let found = read(&sim, "ledger/identities?q=UNTRACEABLE%20hold").await;
    assert_eq!(
        (&found["total"], &found["data"][0]["organization_name"]),
        (&json!(1), &json!("Untraceable Holdings"))
    );
    let id = found["data"][0]["identity_id"].as_str().unwrap();
    assert_eq!(
        read(&sim, &format!("ledger/identities/{id}")).await,
        sim.identity(id).unwrap()
    );
    for path in ["ledger/cats", "ledger/identities/idt_nobody"] {
        assert_eq!(
            ask(&sim, Method::GET, &format!("dashboard/api/{path}"))
                .send()
                .await
                .unwrap()
                .status(),
            404
        );
    }
    assert_eq!(read(&sim, "alerts").await["total"], 1);
}

#[tokio::test]
async fn a_reset_seeds_again_and_keeps_apps_and_installs() {
    let (sim, app) = (sim().await, FakeApp::start().await);
    let app_id = app.register(&sim).await;
    let installed = sim.install(&app_id, &ALL).await.unwrap();
    let client = Client::new(&sim, &ALL).await.with_key(&installed.api_key);
    let (identities, alerts) = (sim.identities(), sim.alerts());
    let id = identities[0]["identity_id"].as_str().unwrap();
    client
        .post(
            &format!("/proxy/{id}/metadata"),
            json!({ "meta_data": { "x": 1 } }),
        )
        .await;
    client
        .post(&format!("/alerts/flag/{id}"), json!({ "description": "d" }))
        .await;
    assert_ne!(sim.identities(), identities);
    assert_eq!(press(&sim, "reset", json!({})).await.0, 200);
    assert_eq!((sim.identities(), sim.alerts()), (identities, alerts));
    assert_eq!(
        client.get("/data/ledgers").await.0,
        200,
        "the key still works"
    );
}

#[tokio::test]
async fn requests_are_listed_after_a_number_and_streamed() {
    let sim = sim().await;
    let client = Client::new(&sim, &ALL).await;
    let mut stream = ask(&sim, Method::GET, "dashboard/api/events")
        .send()
        .await
        .unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    client.get("/data/ledgers").await;
    let id = sim.identities()[0]["identity_id"]
        .as_str()
        .unwrap()
        .to_owned();
    client
        .post(
            &format!("/proxy/{id}/metadata"),
            json!({ "meta_data": { "x": 1 } }),
        )
        .await;
    let mut text = String::new();
    while !(text.contains("event: ledger") && text.matches("event: request").count() == 2) {
        text.push_str(std::str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap());
    }
    assert!(text.contains(r#""direction":"app-to-cloud""#), "{text}");

    let all = read(&sim, "requests?after=0").await;
    assert_eq!(
        (all["data"].as_array().unwrap().len(), &all["last"]),
        (2, &json!(2))
    );
    let record = &all["data"][1];
    assert_eq!(
        (&record["method"], &record["scope"], &record["status"]),
        (&json!("POST"), &json!("data:write"), &json!(200))
    );
    assert_eq!(record["api_key_prefix"], client.api_key[..8]);
    assert_eq!(
        read(&sim, "requests?after=1").await["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        read(&sim, "requests?after=2").await,
        json!({ "data": [], "last": 2 })
    );
}
