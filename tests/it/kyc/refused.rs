//! What the KYC app may not do: without a scope, for a second reviewer, by reading, after its install has ended.

use serde_json::json;

use super::{ALL, open, pending, review};
use crate::support::{Portal, poll};

#[tokio::test]
async fn with_data_read_alone_a_decision_is_403_naming_the_scope_and_nothing_is_written() {
    let (host, portal) = open(&["data:read"]).await;
    let me = portal.get("me").await.expect(200).json();
    assert_eq!(me["scopes"]["data:write"]["granted"], false);
    let id = pending(&portal).await;
    let body = json!({ "decision": "approved", "reason": "I want to.", "version": null });
    for path in ["decision", "resume"] {
        let body = if path == "resume" { &json!({}) } else { &body };
        let answer = portal
            .post(&format!("identities/{id}/{path}"), body)
            .await
            .expect(403);
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(answer.json()["scope"], "data:write");
    }
    let detail = portal
        .get(&format!("identities/{id}"))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&detail["version"], &detail["history"]),
        (&json!(0), &json!([])),
        "nothing was stored"
    );
    assert_eq!(host.sim.writes().len(), 0);
}

#[tokio::test]
async fn without_any_scope_only_the_explanation_is_served() {
    let (host, portal) = open(&[]).await;
    let me = portal.get("me").await.expect(200).json();
    assert_eq!(me["scopes"]["data:read"]["granted"], false);
    assert_eq!(
        portal.get("identities").await.expect(403).json()["scope"],
        "data:read"
    );
    let calls = host.sim.requests();
    let calls = calls
        .iter()
        .filter(|request| request.app.is_some() && request.path.contains("identities"));
    assert_eq!(calls.count(), 0, "a refused call sends nothing");
}

#[tokio::test]
async fn a_second_reviewer_of_the_same_case_gets_409() {
    let (host, one) = open(&ALL).await;
    let install = host.installs().await[0].installed_app_id.clone();
    let address = host.sim.launch(&install).await.unwrap();
    let two = Portal::open(&host.http, &address).await;
    let id = pending(&one).await;
    let path = format!("identities/{id}/decision");
    let seen = one.get(&format!("identities/{id}")).await.json()["version"].clone();
    let say =
        |decision: &str| json!({ "decision": decision, "reason": "As I see it.", "version": seen });
    let (approved, rejected) = (say("approved"), say("rejected"));
    let (first, second) = tokio::join!(one.post(&path, &approved), two.post(&path, &rejected));
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{} {}", first.text(), second.text());
    let winner = if first.status == 200 {
        "approved"
    } else {
        "rejected"
    };
    assert_eq!(review(&host, &id)["status"], winner);
    assert_eq!(host.sim.writes().len(), 1);
    two.post(&path, &say("rejected")).await.expect(409);
}

#[tokio::test]
async fn get_and_head_never_write_whatever_is_asked() {
    let (host, portal) = open(&ALL).await;
    let id = pending(&portal).await;
    for method in ["GET", "HEAD"] {
        for path in ["decision", "resume"] {
            let path = format!("identities/{id}/{path}");
            let body = json!({ "decision": "approved", "reason": "By reading.", "version": null });
            let answer = portal
                .http
                .send(portal.ask(method, &path).json(&body))
                .await;
            assert_eq!(answer.status, 405, "{method} {path}");
        }
    }
    assert_eq!(host.sim.writes().len(), 0);
}

#[tokio::test]
async fn the_records_of_an_install_end_with_it() {
    let (host, portal) = open(&ALL).await;
    let id = pending(&portal).await;
    let body = json!({ "decision": "approved", "reason": "Fine by me.", "version": null });
    portal
        .post(&format!("identities/{id}/decision"), &body)
        .await
        .expect(200);
    let install = host.installs().await[0].installed_app_id.clone();
    host.sim.uninstall(&install).await.unwrap();
    let again = host.install("kyc", &ALL).await;
    let portal = host.open(&again).await;
    let history = poll::until("the new install answers", async || {
        let answer = portal.get(&format!("identities/{id}")).await;
        (answer.status == 200).then(|| answer.json()["history"].clone())
    });
    assert_eq!(history.await, json!([]), "another install's history");
}
