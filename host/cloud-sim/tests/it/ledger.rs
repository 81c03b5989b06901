//! Ledgers and balances through the proxy.

use airlock_cloud_sim::CloudSim;
use serde_json::{Value, json};

use crate::support::{ALL, Client, error_code, sim};

async fn writer() -> (CloudSim, Client) {
    let sim = sim().await;
    let client = Client::new(&sim, &ALL).await;
    (sim, client)
}

#[tokio::test]
async fn a_ledger_needs_a_name_of_its_own() {
    let (_sim, client) = writer().await;
    let (status, body) = client
        .post("/proxy/ledgers", json!({ "name": "KYC", "meta_data": {} }))
        .await;
    assert_eq!(
        (status, &body["name"], &body["meta_data"]),
        (201, &json!("KYC"), &json!({}))
    );
    let (status, body) = client
        .post("/proxy/ledgers", json!({ "name": "KYC" }))
        .await;
    assert_eq!((status, error_code(&body)), (409, "LGR_DUPLICATE"));
    let (status, body) = client.post("/proxy/ledgers", json!({})).await;
    assert_eq!((status, error_code(&body)), (400, "GEN_VALIDATION_ERROR"));
    assert!(
        body.get("error").is_none() && body["errors"].is_string(),
        "{body}"
    );
    let (status, body) = client.get("/proxy/ledgers/ldg_nobody").await;
    assert_eq!((status, error_code(&body)), (404, "LGR_NOT_FOUND"));
    assert_eq!(client.get("/proxy/ledgers/general_ledger_id").await.0, 200);
}

#[tokio::test]
async fn a_new_balance_is_zero_and_can_be_linked() {
    let (sim, client) = writer().await;
    let ledger = client.get("/data/ledgers").await.1["data"][0]["ledger_id"].clone();
    let (status, body) = client
        .post(
            "/proxy/balances",
            json!({ "ledger_id": ledger, "currency": "USD" }),
        )
        .await;
    assert_eq!(status, 201);
    for field in [
        "balance",
        "credit_balance",
        "debit_balance",
        "inflight_balance",
        "version",
    ] {
        assert_eq!(body[field], 0, "{field}");
    }
    assert_eq!(
        (&body["inflight_expires_at"], &body["meta_data"]),
        (&json!("0001-01-01T00:00:00Z"), &Value::Null)
    );
    let id = body["balance_id"].as_str().unwrap().to_owned();
    let identity = sim.identities()[4]["identity_id"].clone();
    let (status, body) = client
        .put(
            &format!("/proxy/balances/{id}/identity"),
            json!({ "identity_id": identity }),
        )
        .await;
    assert_eq!(
        (status, body),
        (
            200,
            json!({ "message": "Balance identity updated successfully" })
        )
    );
    let (_, body) = client
        .get(&format!(
            "/data/balances?identity_id_eq={}",
            identity.as_str().unwrap()
        ))
        .await;
    assert!(
        body["data"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["balance_id"] == id.as_str())
    );
    let (status, body) = client
        .put(
            &format!("/proxy/balances/{id}/identity"),
            json!({ "identity_id": "idt_nobody" }),
        )
        .await;
    assert_eq!((status, error_code(&body)), (404, "BAL_NOT_FOUND"));
}

#[tokio::test]
async fn a_balance_needs_a_ledger_and_a_currency() {
    let (_sim, client) = writer().await;
    for (body, status, code) in [
        (json!({ "currency": "USD" }), 400, "GEN_VALIDATION_ERROR"),
        (
            json!({ "ledger_id": "general_ledger_id" }),
            400,
            "GEN_VALIDATION_ERROR",
        ),
        (
            json!({ "ledger_id": "ldg_nobody", "currency": "USD" }),
            404,
            "LGR_NOT_FOUND",
        ),
    ] {
        let (answered, body) = client.post("/proxy/balances", body).await;
        assert_eq!((answered, error_code(&body)), (status, code));
    }
}

#[tokio::test]
async fn a_balance_is_the_sum_of_its_past() {
    let (sim, client) = writer().await;
    for balance in sim.balances().iter().take(20) {
        let id = balance["balance_id"].as_str().unwrap();
        let (status, body) = client
            .get(&format!(
                "/proxy/balances/{id}/at?timestamp=2030-01-01T00:00:00Z"
            ))
            .await;
        assert_eq!(
            (status, &body["balance"]["balance"]),
            (200, &balance["balance"]),
            "{id}"
        );
        let (_, body) = client
            .get(&format!(
                "/proxy/balances/{id}/at?timestamp=2020-01-01T00:00:00Z"
            ))
            .await;
        assert_eq!(body["balance"]["balance"], 0);
    }
    let id = sim.balances()[0]["balance_id"].as_str().unwrap().to_owned();
    assert_eq!(
        error_code(&client.get(&format!("/proxy/balances/{id}/at")).await.1),
        "GEN_MISSING_PARAMETER"
    );
    assert_eq!(
        client
            .get(&format!("/proxy/balances/{id}/at?timestamp=yesterday"))
            .await
            .0,
        400
    );
    assert_eq!(
        client
            .get("/proxy/balances/bln_nobody/at?timestamp=2020-01-01T00:00:00Z")
            .await
            .0,
        404
    );
}

#[tokio::test]
async fn lineage_can_be_read() {
    let (sim, client) = writer().await;
    let balance = sim.balances()[0]["balance_id"].as_str().unwrap().to_owned();
    let transaction = sim.transactions()[0]["transaction_id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        client
            .get(&format!("/proxy/balances/{balance}/lineage"))
            .await
            .1["balance_id"],
        balance.as_str()
    );
    let (_, body) = client
        .get(&format!("/proxy/transactions/{transaction}/lineage"))
        .await;
    assert_eq!(body["transaction_id"], transaction.as_str());
    assert_eq!(
        client.get("/proxy/transactions/txn_nobody/lineage").await.0,
        404
    );
}
