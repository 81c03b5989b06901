//! The Filters API.

use airlock_cloud_sim::CloudSim;
use serde_json::{Value, json};

use crate::support::{Client, sim};

async fn reader() -> (CloudSim, Client) {
    let sim = sim().await;
    let client = Client::new(&sim, &["data:read", "data:write"]).await;
    (sim, client)
}

fn count(sim: &CloudSim, test: impl Fn(&Value) -> bool) -> u64 {
    sim.identities().iter().filter(|row| test(row)).count() as u64
}

#[tokio::test]
async fn presence_of_a_metadata_key_can_be_asked_in_a_body() {
    let (sim, client) = reader().await;
    let all = sim.identities().len() as u64;
    let asking = |operator: &str| json!({ "filters": [{ "field": "meta_data.kyc_app", "operator": operator }] });
    let (_, body) = client.post("/identities/filter", asking("notexists")).await;
    assert_eq!(
        (body["total"].as_u64().unwrap(), &body["stats"]),
        (all, &json!({}))
    );
    let id = sim.identities()[3]["identity_id"]
        .as_str()
        .unwrap()
        .to_owned();
    client
        .post(
            &format!("/proxy/{id}/metadata"),
            json!({ "meta_data": { "kyc_app": { "status": "approved" } } }),
        )
        .await;
    let (_, body) = client.post("/identities/filter", asking("exists")).await;
    assert_eq!(body["data"][0]["identity_id"], id.as_str());
    assert_eq!(body["total"], 1);
    let (_, body) = client
        .post("/identities/filter?pageSize=7", asking("notexists"))
        .await;
    assert_eq!(
        (
            body["total"].as_u64().unwrap(),
            body["data"].as_array().unwrap().len()
        ),
        (all - 1, 7)
    );
}

#[tokio::test]
async fn bodies_take_values_and_refuse_what_they_do_not_know() {
    let (sim, client) = reader().await;
    let two = json!({ "filters": [
        { "field": "identity_type", "operator": "eq", "value": "individual" },
        { "field": "country", "operator": "in", "values": ["GH", "NG"] } ] });
    let expected = count(&sim, |row| {
        row["identity_type"] == "individual" && (row["country"] == "GH" || row["country"] == "NG")
    });
    assert_eq!(
        client.post("/identities/filter", two).await.1["total"]
            .as_u64()
            .unwrap(),
        expected
    );
    let missing = json!({ "filters": [{ "field": "first_name", "operator": "isnull" }] });
    let without_name = count(&sim, |row| row.get("first_name").is_none());
    assert!(without_name > 0);
    assert_eq!(
        client.post("/identities/filter", missing).await.1["total"]
            .as_u64()
            .unwrap(),
        without_name
    );
    let (status, body) = client
        .post(
            "/identities/filter",
            json!({ "filters": [{ "field": "country", "operator": "resembles", "value": "x" }] }),
        )
        .await;
    assert_eq!(
        (status, &body["errors"][0]),
        (400, &json!("unknown operator 'resembles'"))
    );
    assert_eq!(
        client
            .post("/identities/filter", json!({ "filters": 3 }))
            .await
            .0,
        400
    );
    assert_eq!(
        client.post("/identities/filter", json!({})).await.1["total"]
            .as_u64()
            .unwrap(),
        sim.identities().len() as u64
    );
}

#[tokio::test]
async fn each_collection_has_its_own_envelope() {
    let (_sim, client) = reader().await;
    let keys = |body: &Value| {
        body.as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
            .join(" ")
    };
    let filter = |path: &'static str| {
        let client = client.clone();
        async move { client.post(path, json!({ "filters": [] })).await.1 }
    };
    assert_eq!(keys(&filter("/ledger/filter").await), "data total");
    assert_eq!(keys(&filter("/balances/filter").await), "data stats total");
    assert_eq!(
        keys(&filter("/identities/filter").await),
        "data stats total"
    );
    assert_eq!(
        keys(&filter("/reconciliation/filter").await),
        "data stats total"
    );
    let transactions = filter("/transactions/filter?strict_total=true").await;
    assert_eq!(
        keys(&transactions),
        "data stats total total_is_estimate total_source"
    );
    assert_eq!(
        (
            &transactions["total_is_estimate"],
            &transactions["total_source"]
        ),
        (&json!(false), &json!("exact"))
    );
}
