//! Inflight amounts, refunds and batches.

use airlock_cloud_sim::CloudSim;
use serde_json::{Value, json};

use crate::support::{ALL, Client, error_code, sim};

async fn writer() -> (CloudSim, Client) {
    let sim = sim().await;
    let client = Client::new(&sim, &ALL).await;
    (sim, client)
}

async fn new_balance(client: &Client) -> String {
    let body = json!({ "ledger_id": "general_ledger_id", "currency": "USD" });
    client.post("/proxy/balances", body).await.1["balance_id"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn balance(client: &Client, id: &str) -> Value {
    client.get(&format!("/proxy/balances/{id}")).await.1
}

fn deposit(to: &str, reference: &str) -> Value {
    json!({ "precise_amount": 10_050, "precision": 100, "currency": "USD", "reference": reference,
            "source": "@World", "destination": to, "description": "d", "allow_overdraft": true })
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

#[tokio::test]
async fn inflight_amounts_are_set_aside_until_committed_or_voided() {
    let (_sim, client) = writer().await;
    let to = new_balance(&client).await;
    let inflight = |reference: &str| {
        with(
            with(deposit(&to, reference), "inflight", json!(true)),
            "skip_queue",
            json!(true),
        )
    };
    let (_, first) = client.post("/proxy/transactions", inflight("i1")).await;
    assert_eq!(first["status"], "INFLIGHT");
    let held = balance(&client, &to).await;
    assert_eq!(
        (&held["balance"], &held["inflight_balance"]),
        (&json!(0), &json!(10_050))
    );

    let path = format!(
        "/proxy/transactions/inflight/{}",
        first["transaction_id"].as_str().unwrap()
    );
    let (status, part) = client
        .put(&path, json!({ "status": "commit", "amount": 50.5 }))
        .await;
    assert_eq!(
        (status, &part["status"], &part["parent_transaction"]),
        (200, &json!("APPLIED"), &first["transaction_id"])
    );
    let (status, rest) = client.put(&path, json!({ "status": "commit" })).await;
    assert_eq!((status, &rest["precise_amount"]), (200, &json!(5_000)));
    let done = balance(&client, &to).await;
    assert_eq!(
        (&done["balance"], &done["inflight_balance"]),
        (&json!(10_050), &json!(0))
    );
    assert_eq!(
        client.put(&path, json!({ "status": "commit" })).await.0,
        409
    );

    let (_, second) = client.post("/proxy/transactions", inflight("i2")).await;
    let path = format!(
        "/proxy/transactions/inflight/{}",
        second["transaction_id"].as_str().unwrap()
    );
    let (status, body) = client.put(&path, json!({ "status": "void" })).await;
    assert_eq!((status, &body["status"]), (200, &json!("VOID")));
    assert_eq!(client.put(&path, json!({ "status": "void" })).await.0, 409);
    assert_eq!(balance(&client, &to).await["inflight_balance"], 0);
    assert_eq!(client.put(&path, json!({ "status": "burn" })).await.0, 400);
    assert_eq!(
        client
            .put(
                "/proxy/transactions/inflight/txn_nobody",
                json!({ "status": "void" })
            )
            .await
            .0,
        404
    );
}

#[tokio::test]
async fn a_refund_goes_back_once() {
    let (_sim, client) = writer().await;
    let to = new_balance(&client).await;
    let (_, body) = client
        .post(
            "/proxy/transactions",
            with(deposit(&to, "rf"), "skip_queue", json!(true)),
        )
        .await;
    let path = format!(
        "/proxy/refund-transaction/{}",
        body["transaction_id"].as_str().unwrap()
    );
    let (status, refund) = client.post(&path, json!({})).await;
    assert_eq!(
        (status, &refund["source"], &refund["destination"]),
        (201, &json!(to), &json!("@World"))
    );
    assert_eq!(balance(&client, &to).await["balance"], 0);
    assert_eq!(client.post(&path, json!({})).await.0, 409);
    assert_eq!(
        client
            .post("/proxy/refund-transaction/txn_nobody", json!({}))
            .await
            .0,
        404
    );
}

#[tokio::test]
async fn an_atomic_batch_is_all_or_nothing_and_another_keeps_what_went_well() {
    let (sim, client) = writer().await;
    let to = new_balance(&client).await;
    let now = |reference: &str| with(deposit(&to, reference), "skip_queue", json!(true));
    let batch = |atomic: bool| json!({ "atomic": atomic, "transactions": [now("b1"), now("b2"), now("b1")] });
    let before = sim.transactions().len();
    let (status, body) = client.post("/proxy/transactions/bulk", batch(true)).await;
    assert_eq!(
        (status, error_code(&body)),
        (409, "TXN_DUPLICATE_REFERENCE")
    );
    assert_eq!(
        (
            sim.transactions().len(),
            &balance(&client, &to).await["balance"]
        ),
        (before, &json!(0))
    );
    assert_eq!(
        client
            .post("/proxy/transactions/bulk", batch(false))
            .await
            .0,
        409
    );
    assert_eq!(balance(&client, &to).await["balance"], 20_100);

    let (status, body) = client
        .post(
            "/proxy/transactions/bulk",
            json!({ "transactions": [now("b3"), now("b4")] }),
        )
        .await;
    assert_eq!((status, &body["transaction_count"]), (201, &json!(2)));
    let batch_id = body["batch_id"].as_str().unwrap();
    let (_, members) = client
        .get(&format!(
            "/data/transactions?parent_transaction_eq={batch_id}"
        ))
        .await;
    assert_eq!(members["total"], 2);
    let (status, _) = client
        .post(
            &format!("/proxy/{batch_id}/metadata"),
            json!({ "meta_data": { "run": 1 } }),
        )
        .await;
    assert_eq!(status, 200);
    assert_eq!(
        client
            .post("/proxy/transactions/bulk", json!({ "transactions": [] }))
            .await
            .0,
        400
    );
}
