//! The Data API: envelope, paging, details, and what the seed holds.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::support::{Client, sim};

fn ids(body: &Value, field: &str) -> Vec<String> {
    body["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row[field].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn lists_have_an_envelope_and_default_page_sizes() {
    let sim = sim().await;
    let client = Client::new(&sim, &["data:read"]).await;
    let (status, body) = client.get("/data/identities").await;
    assert_eq!(status, 200);
    assert_eq!(body["data"].as_array().unwrap().len(), 20);
    assert_eq!(
        body["total"].as_u64().unwrap(),
        sim.identities().len() as u64
    );
    assert!(body.get("stats").is_none());
    for collection in ["balances", "transactions"] {
        let (_, body) = client.get(&format!("/data/{collection}")).await;
        assert_eq!(body["stats"], json!({}), "{collection}");
        assert_eq!(body["data"].as_array().unwrap().len(), 20, "{collection}");
    }
    for empty in ["reconciliations", "matching-rules", "external-transactions"] {
        assert_eq!(
            client.get(&format!("/data/{empty}")).await.1,
            json!({ "data": [], "total": 0 })
        );
    }
    let writer = Client::new(&sim, &["data:read", "data:write"]).await;
    for number in 0..40 {
        assert_eq!(
            writer
                .post("/proxy/ledgers", json!({ "name": format!("L{number}") }))
                .await
                .0,
            201
        );
    }
    assert_eq!(
        client.get("/data/ledgers").await.1["data"]
            .as_array()
            .unwrap()
            .len(),
        30
    );
}

#[tokio::test]
async fn pages_are_newest_first_and_cover_every_record_once() {
    let sim = sim().await;
    let client = Client::new(&sim, &["data:read"]).await;
    let total = sim.identities().len();
    let mut seen = Vec::new();
    for page in 1..=total.div_ceil(50) {
        let (_, body) = client
            .get(&format!("/data/identities?page={page}&pageSize=50"))
            .await;
        let times: Vec<String> = ids(&body, "created_at");
        assert!(times.is_sorted_by(|left, right| left >= right));
        seen.extend(ids(&body, "identity_id"));
    }
    assert_eq!(seen.len(), total);
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), total);
    let (status, past_the_end) = client.get("/data/identities?page=999").await;
    assert_eq!((status, past_the_end["data"].clone()), (200, json!([])));
    assert_eq!(past_the_end["total"].as_u64().unwrap(), total as u64);
}

#[tokio::test]
async fn too_large_a_page_is_cut_and_nonsense_falls_back() {
    let sim = sim().await;
    let client = Client::new(&sim, &["data:read"]).await;
    for (query, size) in [
        ("pageSize=100000", 100),
        ("pageSize=0", 20),
        ("pageSize=x&page=-3", 20),
        ("per_page=3&limit=3", 20),
    ] {
        let (status, body) = client.get(&format!("/data/identities?{query}")).await;
        assert_eq!(
            (status, body["data"].as_array().unwrap().len()),
            (200, size),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_detail_is_a_bare_object_and_can_fail_while_lists_work() {
    let sim = sim().await;
    let client = Client::new(&sim, &["data:read"]).await;
    let id = sim.identities()[5]["identity_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let (status, body) = client.get(&format!("/data/identities/{id}")).await;
    assert_eq!(
        (status, body["identity_id"].as_str()),
        (200, Some(id.as_str()))
    );
    assert_eq!(client.get("/data/identities/idt_nobody").await.0, 404);
    sim.set_switches(|switches| switches.data_detail_fails = true);
    assert_eq!(client.get(&format!("/data/identities/{id}")).await.0, 500);
    assert_eq!(client.get("/data/identities").await.0, 200);
}

#[tokio::test]
async fn a_birth_date_is_a_date_here_and_a_time_in_core() {
    let sim = sim().await;
    let client = Client::new(&sim, &["data:read"]).await;
    let minor = sim
        .identities()
        .into_iter()
        .find(|row| row["dob"] == "2012-03-09T00:00:00Z")
        .unwrap();
    let id = minor["identity_id"].as_str().unwrap();
    assert_eq!(
        client.get(&format!("/data/identities/{id}")).await.1["dob"],
        "2012-03-09"
    );
    assert_eq!(
        client.get(&format!("/proxy/identities/{id}")).await.1["dob"],
        "2012-03-09T00:00:00Z"
    );
}

#[tokio::test]
async fn zero_numbers_of_balances_can_be_missing() {
    let sim = sim().await;
    let client = Client::new(&sim, &["data:read"]).await;
    let empty = sim
        .balances()
        .into_iter()
        .find(|row| row["credit_balance"] == 0)
        .unwrap();
    let id = empty["balance_id"].as_str().unwrap();
    let (_, omitted) = client.get(&format!("/data/balances/{id}")).await;
    assert!(omitted.get("credit_balance").is_none() && omitted.get("inflight_balance").is_none());
    assert_eq!(
        client.get(&format!("/proxy/balances/{id}")).await.1["credit_balance"],
        0
    );
    sim.set_switches(|switches| switches.omit_zero_numbers = false);
    assert_eq!(
        client.get(&format!("/data/balances/{id}")).await.1["credit_balance"],
        0
    );
}

#[tokio::test]
async fn the_seed_is_the_same_on_each_start() {
    let (one, two) = (sim().await, sim().await);
    assert_eq!(one.identities(), two.identities());
    assert_eq!(one.balances(), two.balances());
    assert_eq!(one.transactions(), two.transactions());
    assert_eq!(one.alerts(), two.alerts());
    assert_eq!(one.instance_id(), two.instance_id());
}

#[tokio::test]
async fn the_seed_holds_what_apps_trip_over() {
    let sim = sim().await;
    let identities = sim.identities();
    assert!(identities.len() >= 300);
    let any = |test: &dyn Fn(&Value) -> bool| identities.iter().any(test);
    assert!(any(&|row| row["country"] == "IR") && any(&|row| row["country"] == "KP"));
    assert!(any(&|row| row["identity_type"] == "organization"));
    assert!(any(&|row| row.get("meta_data").is_some_and(Value::is_null)));
    assert!(any(&|row| row.get("first_name").is_none()));
    assert!(any(
        &|row| row["meta_data"]["tokenized_fields"]["FirstName"] == true
    ));
    assert!(any(&|row| row["dob"]
        .as_str()
        .is_some_and(|born| born.starts_with("2015"))));
    assert!(any(&|row| row["first_name"]
        .as_str()
        .is_some_and(|name| name.chars().count() > 300)));
    assert!(any(&|row| row["first_name"]
        .as_str()
        .is_some_and(|name| name.contains("<img"))));
    let statuses: HashSet<String> = sim
        .transactions()
        .iter()
        .map(|row| row["status"].as_str().unwrap().to_owned())
        .collect();
    for status in ["QUEUED", "APPLIED", "INFLIGHT", "VOID", "REJECTED"] {
        assert!(statuses.contains(status), "{status}");
    }
    assert_eq!(sim.alerts().len(), 1);
    assert!(
        sim.balances()
            .iter()
            .any(|row| row["balance"].as_i64().unwrap() > 9_007_199_254_740_992)
    );
}
