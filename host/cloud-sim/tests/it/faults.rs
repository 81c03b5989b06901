//! Faults on the way of Cloud API calls, and the gates after a write.

use std::time::{Duration, Instant};

use airlock_cloud_sim::{CloudSim, WriteGate};
use reqwest::Method;
use serde_json::json;

use crate::support::{ALL, Client, GUARD, sim, until};

async fn caller() -> (CloudSim, Client, String) {
    let sim = sim().await;
    let client = Client::new(&sim, &ALL).await;
    let id = sim.identities()[0]["identity_id"]
        .as_str()
        .unwrap()
        .to_owned();
    (sim, client, id)
}

fn outcome() -> serde_json::Value {
    json!({ "meta_data": { "kyc_app": { "status": "approved" } } })
}

#[tokio::test]
async fn any_error_status_can_be_injected_a_number_of_times() {
    let (sim, client, _) = caller().await;
    for status in [401, 403, 404, 429, 500, 502, 503] {
        sim.set_switches(|switches| {
            switches.inject_status = status;
            switches.inject_times = 2;
        });
        for expected in [status, status, 200] {
            assert_eq!(client.get("/data/identities?pageSize=1").await.0, expected);
        }
    }
    assert_eq!(sim.switches().inject_status, 0, "it turns itself off");
}

#[tokio::test]
async fn a_rate_limit_says_when_to_come_back() {
    let (sim, client, _) = caller().await;
    sim.set_switches(|switches| {
        switches.inject_status = 429;
        switches.retry_after_seconds = 7;
    });
    let response = client
        .request(Method::GET, &client.on_instance("/data/ledgers"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["retry-after"], "7");
    sim.set_switches(|switches| switches.retry_after_seconds = 0);
    let response = client
        .request(Method::GET, &client.on_instance("/data/ledgers"))
        .send()
        .await
        .unwrap();
    assert!(response.headers().get("retry-after").is_none());
    assert_eq!(
        response.json::<serde_json::Value>().await.unwrap(),
        json!({ "error": "Rate limit exceeded" })
    );
}

#[tokio::test]
async fn injection_can_be_for_writes_or_for_some_paths_only_and_applies_nothing() {
    let (sim, client, id) = caller().await;
    sim.set_switches(|switches| {
        switches.inject_status = 503;
        switches.inject_writes_only = true;
    });
    assert_eq!(client.get("/data/ledgers").await.0, 200);
    assert_eq!(
        client.post("/identities/filter", json!({})).await.0,
        200,
        "a filter reads"
    );
    assert_eq!(
        client
            .post(&format!("/proxy/{id}/metadata"), outcome())
            .await
            .0,
        503
    );
    assert!(
        sim.identity(&id).unwrap()["meta_data"]
            .get("kyc_app")
            .is_none()
    );
    sim.set_switches(|switches| switches.inject_matching = Some("/alerts/".to_owned()));
    assert_eq!(
        client
            .post(&format!("/proxy/{id}/metadata"), outcome())
            .await
            .0,
        200
    );
    assert_eq!(
        client
            .post(&format!("/alerts/flag/{id}"), json!({ "description": "d" }))
            .await
            .0,
        503
    );
    assert_eq!(sim.alerts().len(), 1);
}

#[tokio::test]
async fn an_outage_cuts_connections_without_an_answer() {
    let (sim, client, id) = caller().await;
    sim.set_switches(|switches| switches.outage = true);
    assert!(
        client
            .request(Method::GET, &client.on_instance("/data/ledgers"))
            .send()
            .await
            .is_err()
    );
    let write = client
        .request(
            Method::POST,
            &client.on_instance(&format!("/proxy/{id}/metadata")),
        )
        .json(&outcome());
    assert!(write.send().await.is_err());
    assert!(
        sim.identity(&id).unwrap()["meta_data"]
            .get("kyc_app")
            .is_none()
    );
    let record = sim.requests().pop().unwrap();
    assert_eq!((record.status, record.is_write()), (None, true));
    sim.set_switches(|switches| switches.outage = false);
    assert_eq!(client.get("/data/ledgers").await.0, 200);
}

#[tokio::test]
async fn latency_delays_every_call() {
    let (sim, client, _) = caller().await;
    sim.set_switches(|switches| switches.latency_ms = 150);
    let begun = Instant::now();
    assert_eq!(client.get("/data/ledgers").await.0, 200);
    assert!(begun.elapsed() >= Duration::from_millis(150));
    assert!(sim.requests().pop().unwrap().duration_ms >= 150);
}

#[tokio::test]
async fn a_caller_that_goes_away_is_recorded() {
    let (sim, client, id) = caller().await;
    sim.set_switches(|switches| switches.latency_ms = 60_000);
    let path = client.on_instance(&format!("/proxy/{id}/metadata"));
    let leaving = client
        .request(Method::POST, &path)
        .json(&outcome())
        .timeout(Duration::from_millis(50));
    assert!(leaving.send().await.is_err());
    until("it is recorded", || !sim.writes().is_empty()).await;
    let record = sim.writes().pop().unwrap();
    assert_eq!(
        (record.status, record.note.as_deref()),
        (None, Some("The caller went away before the answer."))
    );
    assert!(
        sim.identity(&id).unwrap()["meta_data"]
            .get("kyc_app")
            .is_none()
    );
}

#[tokio::test]
async fn a_gate_holds_the_answer_to_an_applied_write() {
    let (sim, client, id) = caller().await;
    sim.set_switches(|switches| switches.write_gate = Some(WriteGate::hold("metadata").nth(2)));
    let path = format!("/proxy/{id}/metadata");
    assert_eq!(
        client
            .post(&path, json!({ "meta_data": { "first": 1 } }))
            .await
            .0,
        200
    );
    let held = tokio::spawn({
        let (client, path) = (client.clone(), path.clone());
        async move { client.post(&path, outcome()).await }
    });
    assert!(sim.wait_until_held(GUARD).await);
    assert_eq!(sim.held(), 1);
    assert_eq!(
        sim.identity(&id).unwrap()["meta_data"]["kyc_app"]["status"],
        "approved",
        "applied"
    );
    let record = sim.writes().pop().unwrap();
    assert_eq!(
        (record.status, record.note.as_deref()),
        (Some(200), Some("Applied; the answer is held."))
    );
    assert_eq!(
        client
            .post(&path, json!({ "meta_data": { "third": 3 } }))
            .await
            .0,
        200,
        "the gate opens once"
    );
    assert!(!held.is_finished());
    sim.release_held();
    assert_eq!(held.await.unwrap().0, 200);
    until("nothing is held", || sim.held() == 0).await;
}

#[tokio::test]
async fn a_held_answer_ends_with_its_caller() {
    let (sim, client, id) = caller().await;
    sim.set_switches(|switches| switches.write_gate = Some(WriteGate::hold("/alerts/flag")));
    let path = client.on_instance(&format!("/alerts/flag/{id}"));
    let raising = client
        .request(Method::POST, &path)
        .json(&json!({ "description": "d" }))
        .timeout(Duration::from_millis(300));
    assert!(raising.send().await.is_err());
    until("nothing is held", || sim.held() == 0).await;
    assert_eq!(sim.alerts().len(), 2);
}

#[tokio::test]
async fn a_gate_can_cut_the_connection_or_answer_an_error_after_applying() {
    let (sim, client, id) = caller().await;
    let path = format!("/proxy/{id}/metadata");
    sim.set_switches(|switches| switches.write_gate = Some(WriteGate::drop_connection("metadata")));
    let cut = client
        .request(Method::POST, &client.on_instance(&path))
        .json(&outcome());
    assert!(cut.send().await.is_err());
    assert_eq!(
        sim.identity(&id).unwrap()["meta_data"]["kyc_app"]["status"],
        "approved"
    );
    sim.set_switches(|switches| switches.write_gate = Some(WriteGate::answer("metadata", 502)));
    assert_eq!(
        client
            .post(&path, json!({ "meta_data": { "later": 1 } }))
            .await
            .0,
        502
    );
    assert_eq!(sim.identity(&id).unwrap()["meta_data"]["later"], 1);
    assert!(sim.switches().write_gate.is_none());
}

#[tokio::test]
async fn a_gate_waits_for_a_write_that_succeeds() {
    let (sim, client, id) = caller().await;
    sim.set_switches(|switches| switches.write_gate = Some(WriteGate::answer("metadata", 502)));
    assert_eq!(
        client.post("/proxy/idt_nobody/metadata", outcome()).await.0,
        404
    );
    assert_eq!(
        client
            .post(&format!("/proxy/{id}/metadata"), outcome())
            .await
            .0,
        502
    );
}

#[tokio::test]
async fn the_ring_keeps_two_thousand_and_counts_writes_apart() {
    let (sim, client, id) = caller().await;
    assert_eq!(
        client
            .post(&format!("/proxy/{id}/metadata"), outcome())
            .await
            .0,
        200
    );
    let reader = Client::new(&sim, &["data:read"]).await;
    assert_eq!(
        reader
            .post(&format!("/proxy/{id}/metadata"), outcome())
            .await
            .0,
        403
    );
    for _ in 0..2_010 {
        assert_eq!(client.get("/alerts").await.0, 200);
    }
    let records = sim.requests();
    assert_eq!(records.len(), 2_000);
    assert!(records.is_sorted_by(|left, right| left.seq < right.seq));
    let writes: Vec<Option<u16>> = sim.writes().iter().map(|record| record.status).collect();
    assert_eq!(writes, [Some(200), Some(403)], "answered and refused ones");
    assert_eq!(sim.writes()[0].scope.as_deref(), Some("data:write"));
}
