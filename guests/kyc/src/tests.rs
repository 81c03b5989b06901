//! The whole app against a host in memory.

mod api;
mod recovery;
mod reviewers;
mod search;

use airlock_guest::testing::FakeHost;
use airlock_guest::{App, Collection, Request, Response, Session};
use serde_json::{Value, json};

use crate::Kyc;

/// The identity that most tests decide on.
const ID: &str = "idt_1";

/// A host with one complete identity and the manifest's settings.
fn host() -> FakeHost {
    let host = FakeHost::new();
    host.set("review_countries", "IR,KP");
    host.set("minimum_age", "18");
    add(&host, &json!({ "identity_id": ID }));
    host
}

/// Adds an identity: a complete one but for what is given.
fn add(host: &FakeHost, change: &Value) {
    let mut identity = json!({
        "identity_type": "individual", "first_name": "Ada", "last_name": "Byron", "email_address": "ada@example.com",
        "dob": "1990-01-01T00:00:00Z", "nationality": "British", "country": "GB", "street": "1 Main St",
        "created_at": "2024-11-26T08:36:36.238244338Z", "meta_data": { "other_app": { "kept": true } },
    });
    for (field, value) in change.as_object().unwrap() {
        identity[field] = value.clone();
    }
    host.add(&Collection::Identities, identity);
}

fn send(host: &FakeHost, request: &Request) -> Response {
    let session = Session {
        id: "ses_1".to_owned(),
        user_id: Some("user_1".to_owned()),
        expires_at: 1_780_000_900_000,
    };
    Kyc::handle(host, &session, request)
}

/// Status and JSON of an answer, whose media type must fit its status.
fn read(response: &Response) -> (u16, Value) {
    let media_type = if response.status < 400 {
        "application/json"
    } else {
        "application/problem+json"
    };
    assert_eq!(response.header("content-type"), Some(media_type));
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    if response.status >= 400 {
        assert_eq!(body["status"], response.status);
        assert!(
            body["title"].is_string() && body["detail"].is_string() && body["type"].is_string()
        );
    }
    (response.status, body)
}

fn get(host: &FakeHost, path: &str) -> (u16, Value) {
    read(&send(host, &Request::new("GET", path)))
}

fn post(host: &FakeHost, path: &str, body: &Value) -> (u16, Value) {
    let request = Request::new("POST", path).with_body("application/json", body.to_string());
    read(&send(host, &request))
}

fn decide(host: &FakeHost, decision: &str, version: &Value) -> (u16, Value) {
    let body = json!({ "decision": decision, "reason": "as it should be", "version": version });
    post(host, &format!("identities/{ID}/decision"), &body)
}

fn detail(host: &FakeHost) -> Value {
    let (status, detail) = get(host, &format!("identities/{ID}"));
    assert_eq!(status, 200, "{detail}");
    detail
}

fn resume(host: &FakeHost) -> (u16, Value) {
    post(host, &format!("identities/{ID}/resume"), &json!({}))
}

/// What the ledger has under this app's key.
fn review(host: &FakeHost) -> Value {
    host.entity(&Collection::Identities, ID).unwrap()["meta_data"]["kyc_app"].clone()
}

/// How many calls so far would have changed something.
fn writes(host: &FakeHost) -> usize {
    ["ledger.", "alert-actions.", "store.set", "store.delete"]
        .iter()
        .map(|prefix| host.count(prefix))
        .sum()
}
