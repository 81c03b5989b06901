//! The filter grammar in query parameters and in bodies.

use airlock_cloud_sim::CloudSim;
use serde_json::Value;

use crate::support::{Client, sim};

async fn reader() -> (CloudSim, Client) {
    let sim = sim().await;
    let client = Client::new(&sim, &["data:read", "data:write"]).await;
    (sim, client)
}

async fn total(client: &Client, query: &str) -> u64 {
    let (status, body) = client.get(&format!("/data/identities?{query}")).await;
    assert_eq!(status, 200, "{query}: {body}");
    body["total"].as_u64().unwrap()
}

fn count(sim: &CloudSim, test: impl Fn(&Value) -> bool) -> u64 {
    sim.identities().iter().filter(|row| test(row)).count() as u64
}

#[tokio::test]
async fn suffixes_compare_and_combine_with_and() {
    let (sim, client) = reader().await;
    let iranian = count(&sim, |row| row["country"] == "IR");
    assert!(iranian > 0);
    assert_eq!(total(&client, "country_eq=IR").await, iranian);
    assert_eq!(
        total(&client, "country_in=IR,KP").await,
        count(&sim, |row| row["country"] == "IR" || row["country"] == "KP")
    );
    let companies = count(&sim, |row| {
        row["country"] == "IR" && row["identity_type"] == "organization"
    });
    assert_eq!(
        total(&client, "country_eq=IR&identity_type_eq=organization").await,
        companies
    );
    let either = count(&sim, |row| {
        row["country"] == "IR" || row["identity_type"] == "organization"
    });
    assert_eq!(
        total(
            &client,
            "country_eq=IR&identity_type_eq=organization&logical_operator=or"
        )
        .await,
        either
    );
    assert_eq!(
        total(&client, "first_name_like=Sh%25").await,
        count(&sim, |row| row["first_name"]
            .as_str()
            .is_some_and(|name| name.starts_with("Sh")))
    );
    assert_eq!(total(&client, "first_name_like=sh%25").await, 0);
    assert!(total(&client, "first_name_ilike=sh%25").await > 0);
}

#[tokio::test]
async fn an_unknown_suffix_is_ignored_without_a_word() {
    let (sim, client) = reader().await;
    let all = sim.identities().len() as u64;
    for query in [
        "country=IR",
        "country_is=IR",
        "country_notexists=1",
        "sort=country",
        "org_id=x",
        "order_by=a",
    ] {
        assert_eq!(total(&client, query).await, all, "{query}");
    }
}

#[tokio::test]
async fn dates_mean_whole_days_and_ranges_are_inclusive() {
    let (sim, client) = reader().await;
    let on_day = count(&sim, |row| {
        row["created_at"]
            .as_str()
            .unwrap()
            .starts_with("2026-01-06")
    });
    assert!(on_day > 0);
    assert_eq!(total(&client, "created_at_eq=2026-01-06").await, on_day);
    let born = count(&sim, |row| {
        row["dob"]
            .as_str()
            .is_some_and(|dob| ("2008-01-01".."2013").contains(&dob))
    });
    assert_eq!(
        total(&client, "dob_between=2008-01-01%7C2012-12-31").await,
        born
    );
    assert_eq!(born, 2);
}

#[tokio::test]
async fn metadata_paths_reach_below_the_top_level() {
    let (sim, client) = reader().await;
    let premium = count(&sim, |row| {
        row["meta_data"]["myApp"]["segment"] == "premium"
    });
    assert!(premium > 0);
    assert_eq!(
        total(&client, "meta_data.myApp.segment_eq=premium").await,
        premium
    );
    let fourth = count(&sim, |row| {
        row["meta_data"]["onboarding"]["step"]
            .as_u64()
            .is_some_and(|step| step > 4)
    });
    assert_eq!(
        total(&client, "meta_data.onboarding.step_gt=4").await,
        fourth
    );
}

#[tokio::test]
async fn the_bounds_of_core_hold() {
    let (_sim, client) = reader().await;
    let many = vec!["country_eq=IR"; 21].join("&");
    let (status, body) = client.get(&format!("/data/identities?{many}")).await;
    assert_eq!(status, 400);
    assert!(
        body["errors"][0].as_str().unwrap().contains("at most 20"),
        "{body}"
    );
    assert_eq!(
        client
            .get(&format!(
                "/data/identities?{}",
                vec!["country_eq=IR"; 20].join("&")
            ))
            .await
            .0,
        200
    );
    let values = vec!["X"; 101].join(",");
    assert_eq!(
        client
            .get(&format!("/data/identities?country_in={values}"))
            .await
            .0,
        400
    );
    assert_eq!(
        client
            .get(&format!(
                "/data/identities?country_eq={}",
                "x".repeat(1_001)
            ))
            .await
            .0,
        400
    );
    assert_eq!(
        client
            .get("/data/identities?dob_between=2008-01-01")
            .await
            .0,
        400
    );
    assert_eq!(client.get("/data/identities?shoe_size_eq=44").await.0, 400);
}

#[tokio::test]
async fn a_transaction_belongs_to_a_balance_on_either_side() {
    let (sim, client) = reader().await;
    let balance = sim.balances()[0]["balance_id"].as_str().unwrap().to_owned();
    let touching = sim
        .transactions()
        .iter()
        .filter(|row| row["source"] == balance.as_str() || row["destination"] == balance.as_str())
        .count();
    let (_, body) = client
        .get(&format!("/data/transactions?balance_id_eq={balance}"))
        .await;
    assert_eq!(body["total"].as_u64().unwrap(), touching as u64);
    assert!(touching > 1);
}
