//! The KYC app over its portal's API, against the simulated Cloud.

mod refused;

use serde_json::{Value, json};

use crate::support::{Portal, TestHost};

const ALL: [&str; 3] = ["data:read", "data:write", "alerts:write"];

async fn open(granted: &[&str]) -> (TestHost, Portal) {
    let host = TestHost::setup().package("kyc").start().await;
    let install = host.install("kyc", granted).await;
    let portal = host.open(&install).await;
    (host, portal)
}

/// The first identity that waits for review.
async fn pending(portal: &Portal) -> String {
    let list = portal
        .get("identities?status=pending")
        .await
        .expect(200)
        .json();
    list["items"][0]["id"]
        .as_str()
        .expect("an identity")
        .to_owned()
}

/// What KYC wrote on an identity.
fn review(host: &TestHost, id: &str) -> Value {
    host.sim.identity(id).expect("an identity")["meta_data"]["kyc_app"].clone()
}

#[tokio::test]
async fn identities_are_listed_searched_and_shown() {
    let (host, portal) = open(&ALL).await;
    let all = host.sim.identities();
    let list = portal.get("identities?status=all").await.expect(200).json();
    assert_eq!(list["total"], all.len());
    assert_eq!(list["items"].as_array().unwrap().len(), 20);
    // Every page, and every identity on one of them.
    let pages = all.len().div_ceil(20);
    let mut seen = Vec::new();
    for page in 1..=pages {
        let list = portal
            .get(&format!("identities?status=all&page={page}"))
            .await
            .expect(200)
            .json();
        let items = list["items"].as_array().unwrap().clone();
        seen.extend(
            items
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()),
        );
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), all.len());

    let field = |field: &str| {
        let with = all
            .iter()
            .find(|one| one[field].as_str().is_some_and(|text| text.len() > 3));
        let one = with.unwrap_or_else(|| panic!("an identity with {field}"));
        (
            one["identity_id"].as_str().unwrap().to_owned(),
            one[field].as_str().unwrap().to_owned(),
        )
    };
    let (by_id, id) = field("identity_id");
    for (wanted, word) in [
        (by_id, id),
        field("email_address"),
        field("last_name"),
        field("organization_name"),
    ] {
        let found = portal
            .get(&format!("identities?status=all&q={}", encoded(&word)))
            .await
            .expect(200)
            .json();
        let items = found["items"].as_array().unwrap();
        assert!(
            items.iter().any(|item| item["id"] == wanted.as_str()),
            "{word}: {found}"
        );
    }
    let none = portal
        .get("identities?status=all&q=nobody-of-that-name")
        .await
        .expect(200)
        .json();
    assert_eq!((&none["total"], &none["items"]), (&json!(0), &json!([])));
    let detail = portal
        .get(&format!("identities/{}", seen[0]))
        .await
        .expect(200)
        .json();
    assert_eq!(detail["identity"]["id"], seen[0].as_str());
    assert_eq!(
        (&detail["history"], &detail["unfinished"]),
        (&json!([]), &Value::Null)
    );
    portal.get("identities/idt_nobody").await.expect(404);
    assert_eq!(
        portal.get("identities?page=0").await.expect(422).json()["field"],
        "page"
    );
    assert_eq!(host.sim.writes().len(), 0, "reading wrote something");
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[tokio::test]
async fn a_decision_is_one_metadata_object_and_an_alert_where_a_person_must_look() {
    let (host, portal) = open(&ALL).await;
    for (decision, alerts) in [("approved", 0), ("rejected", 0), ("review", 1)] {
        let id = pending(&portal).await;
        let (writes, before) = (host.sim.writes().len(), host.sim.alerts().len());
        let body = json!({ "decision": decision, "reason": "Seen in a test.", "version": null });
        let detail = portal
            .post(&format!("identities/{id}/decision"), &body)
            .await
            .expect(200)
            .json();
        assert_eq!(detail["status"], decision);
        assert_eq!(detail["history"].as_array().unwrap().len(), 1);
        let entry = &detail["history"][0];
        assert_eq!(
            (&entry["decision"], &entry["by"]),
            (&json!(decision), &Value::Null)
        );
        assert_eq!(
            entry["alert"]["state"],
            if alerts == 1 { "raised" } else { "none" }
        );
        let written = review(&host, &id);
        assert_eq!(
            (&written["status"], &written["reason"]),
            (&json!(decision), &json!("Seen in a test."))
        );
        assert_eq!(host.sim.alerts().len() - before, alerts);
        assert_eq!(host.sim.writes().len() - writes, 1 + alerts);
        let list = portal
            .get(&format!("identities?status={decision}"))
            .await
            .expect(200)
            .json();
        assert!(
            list["items"]
                .as_array()
                .unwrap()
                .iter()
                .any(|item| item["id"] == id.as_str())
        );
    }
    let path = format!("identities/{}/resume", pending(&portal).await);
    portal.post(&path, &json!({})).await.expect(409);
}

#[tokio::test]
async fn an_unfinished_decision_is_shown_and_resumed() {
    let (host, portal) = open(&ALL).await;
    let id = pending(&portal).await;
    host.sim.set_switches(|switches| {
        switches.inject_status = 503;
        switches.inject_writes_only = true;
    });
    let body = json!({ "decision": "review", "reason": "Cloud is away.", "version": null });
    let refused = portal
        .post(&format!("identities/{id}/decision"), &body)
        .await;
    assert!((500..600).contains(&refused.status), "{}", refused.text());
    host.sim.set_switches(|switches| switches.inject_status = 0);
    let detail = portal
        .get(&format!("identities/{id}"))
        .await
        .expect(200)
        .json();
    assert_eq!(detail["unfinished"]["step"], "intent");
    portal
        .post(&format!("identities/{id}/decision"), &body)
        .await
        .expect(409);
    let done = portal
        .post(&format!("identities/{id}/resume"), &json!({}))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&done["unfinished"], &done["status"]),
        (&Value::Null, &json!("review"))
    );
    assert_eq!(done["history"][0]["alert"]["state"], "raised");
    assert_eq!(review(&host, &id)["reason"], "Cloud is away.");
    let raised = host
        .sim
        .alerts()
        .iter()
        .filter(|alert| alert.to_string().contains(&id))
        .count();
    assert_eq!(raised, 1);
}
