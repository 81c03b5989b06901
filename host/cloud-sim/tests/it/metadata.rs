//! Metadata and tokenization through the proxy.

use airlock_cloud_sim::CloudSim;
use serde_json::{Value, json};

use crate::support::{ALL, Client, error_code, sim};

async fn writer() -> (CloudSim, Client) {
    let sim = sim().await;
    let client = Client::new(&sim, &ALL).await;
    (sim, client)
}

async fn created(client: &Client, body: Value) -> String {
    let (status, body) = client.post("/proxy/identities", body).await;
    assert_eq!(status, 201, "{body}");
    body["identity_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn metadata_merges_top_level_keys_only() {
    let (sim, client) = writer().await;
    let id = created(
        &client,
        json!({ "meta_data": { "kept": 1, "kyc_app": { "status": "pending", "case_id": "c1" } } }),
    )
    .await;
    let sent = json!({ "meta_data": { "kyc_app": { "status": "approved" } } });
    let (status, body) = client.post(&format!("/proxy/{id}/metadata"), sent).await;
    let merged = json!({ "kept": 1, "kyc_app": { "status": "approved" } });
    assert_eq!((status, &body), (200, &json!({ "meta_data": merged })));
    assert_eq!(sim.identity(&id).unwrap()["meta_data"], merged);
}

#[tokio::test]
async fn metadata_on_null_and_missing_metadata_makes_an_object() {
    let (sim, client) = writer().await;
    for row in sim
        .identities()
        .iter()
        .filter(|row| row.get("meta_data").is_none_or(Value::is_null))
        .take(5)
    {
        let id = row["identity_id"].as_str().unwrap();
        let (_, body) = client
            .post(
                &format!("/proxy/{id}/metadata"),
                json!({ "meta_data": { "x": 1 } }),
            )
            .await;
        assert_eq!(body, json!({ "meta_data": { "x": 1 } }));
    }
}

#[tokio::test]
async fn metadata_of_ledgers_and_balances_answers_the_whole_and_of_transactions_an_echo() {
    let (sim, client) = writer().await;
    let balance = sim.balances()[1]["balance_id"].as_str().unwrap().to_owned();
    let (_, body) = client
        .post(
            &format!("/proxy/{balance}/metadata"),
            json!({ "meta_data": { "x": 1 } }),
        )
        .await;
    assert_eq!(body["meta_data"], json!({ "account": "AC-0001", "x": 1 }));
    assert_eq!(
        client
            .post(
                "/proxy/general_ledger_id/metadata",
                json!({ "meta_data": { "x": 1 } })
            )
            .await
            .0,
        200
    );

    let queued = sim
        .transactions()
        .into_iter()
        .find(|row| row["status"] == "QUEUED")
        .unwrap();
    let id = queued["transaction_id"].as_str().unwrap();
    client
        .post(
            &format!("/proxy/{id}/metadata"),
            json!({ "meta_data": { "first": 1 } }),
        )
        .await;
    let (_, body) = client
        .post(
            &format!("/proxy/{id}/metadata"),
            json!({ "meta_data": { "second": 2 } }),
        )
        .await;
    assert_eq!(
        body,
        json!({ "meta_data": { "second": 2 } }),
        "only what was sent"
    );
    let (_, stored) = client.get(&format!("/data/transactions/{id}")).await;
    assert_eq!(
        (
            &stored["meta_data"]["first"],
            &stored["meta_data"]["second"]
        ),
        (&json!(1), &json!(2))
    );
    let (_, children) = client
        .get(&format!("/data/transactions?parent_transaction_eq={id}"))
        .await;
    assert_eq!(children["data"][0]["meta_data"]["second"], 2);
}

#[tokio::test]
async fn metadata_errors_have_their_codes() {
    let (_sim, client) = writer().await;
    let good = json!({ "meta_data": {} });
    let cases = [
        ("cust_1", good.clone(), 400, "META_INVALID_ENTITY_ID"),
        ("idt_nobody", good.clone(), 404, "META_ENTITY_NOT_FOUND"),
        ("bulk_nobody", good, 404, "META_ENTITY_NOT_FOUND"),
        ("idt_nobody", json!({}), 400, "GEN_MALFORMED_REQUEST"),
        (
            "idt_nobody",
            json!({ "meta_data": "x" }),
            400,
            "GEN_MALFORMED_REQUEST",
        ),
    ];
    for (id, body, status, code) in cases {
        let (answered, body) = client.post(&format!("/proxy/{id}/metadata"), body).await;
        assert_eq!((answered, error_code(&body)), (status, code), "{id}");
    }
}

#[tokio::test]
async fn fields_become_tokens_and_come_back() {
    let (sim, client) = writer().await;
    let id = created(
        &client,
        json!({ "first_name": "Alice", "email_address": "a@example.com" }),
    )
    .await;
    let path = format!("/proxy/identities/{id}");
    let (status, body) = client
        .post(
            &format!("{path}/tokenize"),
            json!({ "fields": ["FirstName"] }),
        )
        .await;
    assert_eq!(
        (status, body),
        (200, json!({ "message": "Fields tokenized successfully" }))
    );
    assert_eq!(
        client
            .post(&format!("{path}/tokenize/EmailAddress"), json!({}))
            .await
            .0,
        200
    );
    let stored = sim.identity(&id).unwrap();
    assert!(stored["first_name"].as_str().unwrap().starts_with("tok_"));
    assert_eq!(
        stored["meta_data"]["tokenized_fields"],
        json!({ "FirstName": true, "EmailAddress": true })
    );
    let (_, body) = client.get(&format!("{path}/tokenized-fields")).await;
    assert_eq!(
        body,
        json!({ "tokenized_fields": ["FirstName", "EmailAddress"] })
    );
    let (_, body) = client.get(&format!("{path}/detokenize/EmailAddress")).await;
    assert_eq!(
        body,
        json!({ "field": "EmailAddress", "value": "a@example.com" })
    );
    let (_, body) = client
        .post(
            &format!("{path}/detokenize"),
            json!({ "fields": ["FirstName"] }),
        )
        .await;
    assert_eq!(body, json!({ "fields": { "FirstName": "Alice" } }));
    for (bad, status) in [("first_name", 400), ("FirstName", 400), ("LastName", 400)] {
        assert_eq!(
            client
                .post(&format!("{path}/tokenize/{bad}"), json!({}))
                .await
                .0,
            status,
            "{bad}"
        );
    }
    sim.set_switches(|switches| switches.tokenization_enabled = false);
    let (status, body) = client.get(&format!("{path}/tokenized-fields")).await;
    assert_eq!(
        (status, error_code(&body)),
        (403, "IDT_TOKENIZATION_DISABLED")
    );
}

#[tokio::test]
async fn the_seeded_tokens_can_be_resolved() {
    let (sim, client) = writer().await;
    let row = sim
        .identities()
        .into_iter()
        .find(|row| row["meta_data"]["tokenized_fields"].is_object())
        .unwrap();
    let id = row["identity_id"].as_str().unwrap();
    let (status, body) = client
        .get(&format!("/proxy/identities/{id}/detokenize/FirstName"))
        .await;
    assert_eq!(status, 200);
    assert!(!body["value"].as_str().unwrap().starts_with("tok_"));
}
