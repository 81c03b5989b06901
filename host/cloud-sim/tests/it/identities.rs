//! Identities, metadata and tokenization through the proxy.

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
async fn creating_answers_every_field_also_the_unset_ones() {
    let (_sim, client) = writer().await;
    let (status, body) = client
        .post(
            "/proxy/identities",
            json!({ "first_name": "Alice", "dob": "1985-05-15T00:00:00Z" }),
        )
        .await;
    assert_eq!(status, 201);
    assert!(body["identity_id"].as_str().unwrap().starts_with("idt_"));
    assert_eq!(
        (&body["last_name"], &body["meta_data"]),
        (&json!(""), &Value::Null)
    );
    let (_, body) = client.post("/proxy/identities", json!({})).await;
    assert_eq!(body["dob"], "0001-01-01T00:00:00Z");
}

#[tokio::test]
async fn a_date_alone_is_no_date_of_birth() {
    let (sim, client) = writer().await;
    let (status, body) = client
        .post("/proxy/identities", json!({ "dob": "1990-01-01" }))
        .await;
    assert_eq!((status, error_code(&body)), (400, "GEN_MALFORMED_REQUEST"));
    let id = sim.identities()[0]["identity_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let (status, _) = client
        .put(
            &format!("/proxy/identities/{id}"),
            json!({ "dob": "1990-01-01" }),
        )
        .await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_chosen_identifier_is_checked_and_used_once() {
    let (_sim, client) = writer().await;
    let body = json!({ "identity_id": "idt_3b63c8da-af29-4cc3-ad38-df17d87456e6" });
    assert_eq!(client.post("/proxy/identities", body.clone()).await.0, 201);
    let (status, answer) = client.post("/proxy/identities", body).await;
    assert_eq!((status, error_code(&answer)), (400, "IDT_VALIDATION_ERROR"));
    assert_eq!(
        answer["error"],
        "Identity already exists: idt_3b63c8da-af29-4cc3-ad38-df17d87456e6"
    );
    for bad in ["idt_1", "cust_3b63c8da-af29-4cc3-ad38-df17d87456e6"] {
        assert_eq!(
            client
                .post("/proxy/identities", json!({ "identity_id": bad }))
                .await
                .0,
            400
        );
    }
}

#[tokio::test]
async fn updating_answers_a_sentence_and_writes_only_what_is_not_empty() {
    let (sim, client) = writer().await;
    let id = created(
        &client,
        json!({ "first_name": "A", "city": "Accra", "meta_data": { "a": 1, "b": 2 } }),
    )
    .await;
    let path = format!("/proxy/identities/{id}");
    let (status, body) = client
        .put(
            &path,
            json!({ "first_name": "", "city": "Tema", "meta_data": { "c": 3 } }),
        )
        .await;
    assert_eq!(
        (status, body),
        (200, json!({ "message": "Identity updated successfully" }))
    );
    let stored = sim.identity(&id).unwrap();
    assert_eq!(
        (&stored["first_name"], &stored["city"], &stored["meta_data"]),
        (&json!("A"), &json!("Tema"), &json!({ "c": 3 }))
    );
    let (status, body) = client.put(&path, json!({})).await;
    assert_eq!((status, error_code(&body)), (400, "GEN_BAD_REQUEST"));
    let (status, body) = client
        .put("/proxy/identities/idt_nobody", json!({ "city": "X" }))
        .await;
    assert_eq!((status, error_code(&body)), (404, "IDT_NOT_FOUND"));
}

#[tokio::test]
async fn core_reads_have_no_envelope_and_print_every_field() {
    let (sim, client) = writer().await;
    let (status, list) = client.get("/proxy/identities?limit=3").await;
    assert_eq!((status, list.as_array().unwrap().len()), (200, 3));
    let sparse = sim
        .identities()
        .into_iter()
        .find(|row| row.get("first_name").is_none())
        .unwrap();
    let id = sparse["identity_id"].as_str().unwrap();
    let (_, body) = client.get(&format!("/proxy/identities/{id}")).await;
    assert_eq!(
        (&body["first_name"], &body["dob"]),
        (&json!(""), &json!("0001-01-01T00:00:00Z"))
    );
    let (_, body) = client.get(&format!("/data/identities/{id}")).await;
    assert!(body.get("first_name").is_none());
}
