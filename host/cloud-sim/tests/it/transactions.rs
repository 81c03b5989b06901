//! Transactions: queueing, references, inflight, refunds, batches.

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
async fn a_posted_transaction_is_queued_and_its_child_carries_the_outcome() {
    let (_sim, client) = writer().await;
    let to = new_balance(&client).await;
    let (status, body) = client.post("/proxy/transactions", deposit(&to, "r1")).await;
    assert_eq!(
        (status, &body["status"], &body["amount"]),
        (201, &json!("QUEUED"), &json!(100.5))
    );
    for field in [
        "hash",
        "created_at",
        "scheduled_for",
        "skip_queue",
        "atomic",
        "overdraft_limit",
        "inflight_expiry_date",
    ] {
        assert!(body.get(field).is_some(), "{field}");
    }
    let id = body["transaction_id"].as_str().unwrap();
    let path = format!("/data/transactions?parent_transaction_eq={id}");
    let children = client.get_until(&path, |body| body["total"] == 1).await;
    let child = &children["data"][0];
    assert_eq!(
        (
            &child["status"],
            &child["meta_data"]["QUEUED_PARENT_TRANSACTION"]
        ),
        (&json!("APPLIED"), &json!(id))
    );
    assert_eq!(
        client.get(&format!("/data/transactions/{id}")).await.1["status"],
        "QUEUED",
        "the parent stays"
    );
    assert_eq!(balance(&client, &to).await["balance"], 10_050);
}

#[tokio::test]
async fn a_queued_transaction_without_cover_is_rejected_in_its_child() {
    let (_sim, client) = writer().await;
    let from = new_balance(&client).await;
    let body = json!({ "amount": 5, "currency": "USD", "reference": "r2", "source": from, "destination": "@Fees" });
    let (status, body) = client.post("/proxy/transactions", body).await;
    assert_eq!(
        (status, &body["precision"]),
        (201, &json!(100)),
        "Cloud fills in the precision"
    );
    let path = format!(
        "/data/transactions?parent_transaction_eq={}",
        body["transaction_id"].as_str().unwrap()
    );
    let children = client.get_until(&path, |body| body["total"] == 1).await;
    assert_eq!(children["data"][0]["status"], "REJECTED");
    assert_eq!(balance(&client, &from).await["balance"], 0);
}

#[tokio::test]
async fn skipping_the_queue_answers_the_outcome() {
    let (sim, client) = writer().await;
    let to = new_balance(&client).await;
    let (status, body) = client
        .post(
            "/proxy/transactions",
            with(deposit(&to, "r3"), "skip_queue", json!(true)),
        )
        .await;
    assert_eq!((status, &body["status"]), (201, &json!("APPLIED")));
    assert_eq!(balance(&client, &to).await["balance"], 10_050);
    let poor = json!({ "amount": 500, "currency": "USD", "source": to, "destination": "@Fees", "skip_queue": true });
    let (status, body) = client.post("/proxy/transactions", poor.clone()).await;
    assert_eq!((status, error_code(&body)), (400, "TXN_INSUFFICIENT_FUNDS"));
    let (status, body) = client
        .post(
            "/proxy/transactions",
            with(poor, "source", json!("bln_nobody")),
        )
        .await;
    assert_eq!((status, error_code(&body)), (404, "BAL_NOT_FOUND"));
    sim.set_switches(|switches| switches.asynchronous_transactions = false);
    let (_, body) = client.post("/proxy/transactions", deposit(&to, "r4")).await;
    assert_eq!(body["status"], "APPLIED");
}

#[tokio::test]
async fn a_reference_is_used_once_and_filled_in_when_missing() {
    let (_sim, client) = writer().await;
    let to = new_balance(&client).await;
    assert_eq!(
        client
            .post("/proxy/transactions", deposit(&to, "once"))
            .await
            .0,
        201
    );
    let (status, body) = client
        .post("/proxy/transactions", deposit(&to, "once"))
        .await;
    assert_eq!(
        (status, error_code(&body)),
        (409, "TXN_DUPLICATE_REFERENCE")
    );
    let (_, body) = client.get("/data/transactions?reference_eq=once").await;
    assert_eq!(body["total"], 1);
    let (status, body) = client
        .post(
            "/proxy/transactions",
            with(deposit(&to, ""), "reference", Value::Null),
        )
        .await;
    assert_eq!(status, 201);
    assert!(!body["reference"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn amounts_are_whole_numbers_or_decimals_but_not_both_and_not_strings() {
    let (_sim, client) = writer().await;
    let to = new_balance(&client).await;
    let base = deposit(&to, "r5");
    let (status, body) = client
        .post(
            "/proxy/transactions",
            with(base.clone(), "precise_amount", json!("10050")),
        )
        .await;
    assert_eq!((status, error_code(&body)), (400, "GEN_MALFORMED_REQUEST"));
    let (status, body) = client
        .post(
            "/proxy/transactions",
            with(base.clone(), "amount", json!(100.5)),
        )
        .await;
    assert_eq!((status, error_code(&body)), (400, "TXN_VALIDATION_ERROR"));
    assert!(body["errors"].is_string());
    for (field, value) in [
        ("precise_amount", json!(1.5)),
        ("precise_amount", json!(0)),
        ("currency", json!("")),
        ("source", Value::Null),
    ] {
        assert_eq!(
            client
                .post("/proxy/transactions", with(base.clone(), field, value))
                .await
                .0,
            400,
            "{field}"
        );
    }
    let wrong_currency = with(
        with(base, "currency", json!("EUR")),
        "skip_queue",
        json!(true),
    );
    assert_eq!(
        error_code(&client.post("/proxy/transactions", wrong_currency).await.1),
        "TXN_VALIDATION_ERROR"
    );
}

#[tokio::test]
async fn a_dry_run_previews_with_200_and_leaves_nothing() {
    let (sim, client) = writer().await;
    let to = new_balance(&client).await;
    let before = sim.transactions().len();
    let (status, body) = client
        .post(
            "/proxy/transactions",
            with(deposit(&to, "dry"), "dry_run", json!(true)),
        )
        .await;
    assert_eq!((status, &body["status"]), (200, &json!("APPLIED")));
    assert_eq!(sim.transactions().len(), before);
    assert_eq!(balance(&client, &to).await["balance"], 0);
}
