//! The Alerts API.

use airlock_cloud_sim::CloudSim;
use serde_json::{Value, json};

use crate::support::{ALL, Client, sim};

async fn writer() -> (CloudSim, Client) {
    let sim = sim().await;
    let client = Client::new(&sim, &ALL).await;
    (sim, client)
}

#[tokio::test]
async fn an_alert_is_raised_on_a_balance_an_identity_or_a_transaction() {
    let (sim, client) = writer().await;
    let subjects = [
        (
            sim.identities()[1]["identity_id"].clone(),
            "Identity",
            "affected_identities",
        ),
        (
            sim.balances()[1]["balance_id"].clone(),
            "Balance",
            "affected_balances",
        ),
        (
            sim.transactions()[1]["transaction_id"].clone(),
            "Transaction",
            "affected_transactions",
        ),
    ];
    for (id, kind, field) in subjects {
        let path = format!("/alerts/flag/{}", id.as_str().unwrap());
        let (status, body) = client
            .post(&path, json!({ "title": "T", "description": "D" }))
            .await;
        assert_eq!(
            (status, &body["type"], &body["status"], &body[field]),
            (201, &json!(kind), &json!("FLAGGED"), &json!([id]))
        );
        assert!(body["anomaly_id"].as_str().unwrap().starts_with("ano_"));
        assert!(
            body["created_at"].as_str().unwrap().ends_with("+01:00"),
            "{body}"
        );
        assert_eq!(
            client
                .post(&path, json!({ "description": "again" }))
                .await
                .0,
            201,
            "several are allowed"
        );
    }
    assert_eq!(sim.alerts().len(), 7);
}

#[tokio::test]
async fn a_description_is_required_and_the_subject_must_exist() {
    let (sim, client) = writer().await;
    let id = sim.identities()[1]["identity_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let (status, body) = client
        .post(&format!("/alerts/flag/{id}"), json!({ "title": "T" }))
        .await;
    assert_eq!(
        (status, body),
        (400, json!({ "error": "description is required" }))
    );
    let described = json!({ "description": "D" });
    assert_eq!(
        client
            .post("/alerts/flag/idt_nobody", described.clone())
            .await
            .0,
        404
    );
    assert_eq!(client.post("/alerts/flag/cust_1", described).await.0, 400);
    assert_eq!(sim.alerts().len(), 1);
}

#[tokio::test]
async fn an_alert_takes_known_statuses_in_any_case() {
    let (sim, client) = writer().await;
    let id = sim.alerts()[0]["anomaly_id"].as_str().unwrap().to_owned();
    let path = format!("/alerts/flag/{id}");
    for (given, stored) in [
        ("INVESTIGATING", "INVESTIGATING"),
        ("pending_review", "PENDING_REVIEW"),
        ("RESOLVED", "RESOLVED"),
    ] {
        let (status, body) = client.put(&path, json!({ "status": given })).await;
        assert_eq!((status, &body["status"]), (200, &json!(stored)));
    }
    assert_eq!(
        client.get(&format!("/alerts/{id}")).await.1["status"],
        "RESOLVED"
    );
    assert_eq!(
        client.put(&path, json!({ "status": "NO_SUCH" })).await.0,
        400
    );
    assert_eq!(client.put(&path, json!({})).await.0, 400);
    assert_eq!(
        client
            .put("/alerts/flag/ano_nobody", json!({ "title": "x" }))
            .await
            .0,
        404
    );
    assert_eq!(client.get("/alerts/ano_nobody").await.0, 404);
}

#[tokio::test]
async fn the_list_is_an_envelope_or_a_bare_array() {
    let (sim, client) = writer().await;
    let (_, body) = client.get("/alerts").await;
    assert_eq!(
        (&body["total"], body["data"].as_array().unwrap().len()),
        (&json!(1), 1)
    );
    sim.set_switches(|switches| switches.alerts_as_bare_array = true);
    assert_eq!(
        client.get("/alerts").await.1.as_array().map(Vec::len),
        Some(1)
    );
}

#[tokio::test]
async fn custom_statuses_are_made_changed_and_removed_when_unused() {
    let (sim, client) = writer().await;
    let (status, body) = client
        .post(
            "/alerts/statuses",
            json!({ "name": "On hold", "colour": "#10B981" }),
        )
        .await;
    assert_eq!((status, &body["key"]), (201, &json!("ON_HOLD")));
    assert_eq!(
        client
            .post(
                "/alerts/statuses",
                json!({ "name": "on hold", "colour": "#10B981" })
            )
            .await
            .0,
        409
    );
    assert_eq!(
        client
            .post(
                "/alerts/statuses",
                json!({ "name": "X", "colour": "#123456" })
            )
            .await
            .0,
        400
    );
    let (_, list) = client.get("/alerts/statuses").await;
    assert_eq!(
        (
            list["data"].as_array().unwrap().len(),
            list["allowed_colours"].as_array().unwrap().len()
        ),
        (2, 15)
    );
    assert_eq!(
        client
            .put("/alerts/statuses/on_hold", json!({ "name": "Held" }))
            .await
            .0,
        400
    );
    let (status, body) = client
        .put(
            "/alerts/statuses/on_hold",
            json!({ "name": "Held", "colour": "#EF4444" }),
        )
        .await;
    assert_eq!(
        (status, &body["name"], &body["key"]),
        (200, &json!("Held"), &json!("ON_HOLD"))
    );

    let id = sim.alerts()[0]["anomaly_id"].as_str().unwrap().to_owned();
    client
        .put(
            &format!("/alerts/flag/{id}"),
            json!({ "status": "ON_HOLD" }),
        )
        .await;
    let (status, body) = client.delete("/alerts/statuses/ON_HOLD").await;
    assert_eq!(
        (status, &body["error"]),
        (
            409,
            &Value::from(
                "cannot delete status: 1 alert(s) use this status - reassign them to another status first"
            )
        )
    );
    client
        .put(
            &format!("/alerts/flag/{id}"),
            json!({ "status": "FLAGGED" }),
        )
        .await;
    assert_eq!(
        client.delete("/alerts/statuses/on_hold").await,
        (200, json!({ "message": "Status deleted" }))
    );
    assert_eq!(client.delete("/alerts/statuses/on_hold").await.0, 404);
}
