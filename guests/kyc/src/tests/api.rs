//! The answers of each route.

use airlock_guest::{ApiError, CloudError, Scope, Wait};

use super::*;

#[test]
fn me_says_what_is_granted_and_why_it_is_asked_for() {
    let host = host();
    host.grant(&[Scope::DataRead]);
    let (status, me) = get(&host, "me");
    assert_eq!(status, 200);
    assert_eq!(
        me,
        json!({
            "app": "KYC Review", "installed_app_id": "ins_1", "instance_id": "inst_1", "organization_id": null,
            "user_id": "user_1", "session_expires_at": 1_780_000_900_000_u64,
            "scopes": {
                "data:read": { "granted": true, "purpose": "List identities and show the one under review." },
                "data:write": { "granted": false, "purpose": "Record the outcome of a review on the identity." },
                "alerts:read": { "granted": false },
                "alerts:write": { "granted": false, "purpose": "Raise an alert when a person must look at an identity." },
            },
            "settings": { "review_countries": ["IR", "KP"], "minimum_age": 18 },
        })
    );
    assert_eq!(host.calls(), [] as [&str; 0], "me needs no call");
}

#[test]
fn settings_that_cannot_be_read_fall_back() {
    let host = FakeHost::new();
    host.set("minimum_age", "grown up");
    host.set("review_countries", " ir , ,North Korea");
    let settings = &get(&host, "me").1["settings"];
    assert_eq!(
        settings,
        &json!({ "review_countries": ["IR", "North Korea"], "minimum_age": 18 })
    );
}

#[test]
fn detail_has_the_whole_shape_from_a_bare_identity() {
    let host = FakeHost::new();
    host.add(
        &Collection::Identities,
        json!({ "identity_id": ID, "meta_data": null }),
    );
    let detail = detail(&host);
    assert_eq!(
        detail["identity"],
        json!({
            "id": ID, "name": ID, "type": "other", "first_name": null, "last_name": null, "other_names": null,
            "organization_name": null, "email": null, "phone": null, "dob": null, "gender": null, "nationality": null,
            "category": null, "street": null, "city": null, "state": null, "post_code": null, "country": null,
            "created_at": null,
        })
    );
    assert_eq!(detail["status"], "pending");
    assert_eq!(detail["tokenized"], json!([]));
    assert_eq!(detail["check"]["outcome"], "attention");
    assert_eq!(detail["history"], json!([]));
    assert_eq!(detail["unfinished"], Value::Null);
    assert_eq!(detail["version"], 0);
}

#[test]
fn a_decision_is_recorded_on_the_ledger_and_in_the_history() {
    let host = host();
    let (status, detail) = decide(&host, "approved", &json!(0));
    assert_eq!(status, 200, "{detail}");
    assert_eq!(detail["status"], "approved");
    assert_eq!(detail["unfinished"], Value::Null);
    let closed = &detail["history"][0];
    assert_eq!(closed["decision"], "approved");
    assert_eq!(closed["by"], "user_1");
    assert_eq!(closed["state"], "done");
    assert_eq!(
        closed["alert"],
        json!({ "state": "none", "id": null, "why": null })
    );
    let review = review(&host);
    assert_eq!(
        review,
        json!({
            "status": "approved", "decision": "approved", "case_id": closed["case"], "reason": "as it should be",
            "checked_at": "2026-05-28T20:26:40Z", "reviewed_by": "user_1",
        })
    );
    let other = &host.entity(&Collection::Identities, ID).unwrap()["meta_data"]["other_app"];
    assert_eq!(other, &json!({ "kept": true }));
    assert_eq!(host.alerts(), [] as [Value; 0]);
    assert_eq!(
        super::detail(&host),
        detail,
        "what is read later is what was answered"
    );
}

#[test]
fn a_decision_for_review_raises_one_alert() {
    let host = host();
    let (status, detail) = decide(&host, "review", &Value::Null);
    assert_eq!(status, 200, "{detail}");
    assert_eq!(
        detail["history"][0]["alert"],
        json!({ "state": "raised", "id": "ano_1", "why": null })
    );
    let alerts = host.alerts();
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0]["entity_id"], ID);
}

#[test]
fn an_unknown_user_is_recorded_as_unknown() {
    let host = host();
    let request = Request::new("POST", &format!("identities/{ID}/decision")).with_body(
        "application/json",
        r#"{"decision":"rejected","reason":"not this one"}"#,
    );
    let session = Session {
        id: "ses_1".to_owned(),
        user_id: None,
        expires_at: 0,
    };
    let (status, detail) = read(&Kyc::handle(&host, &session, &request));
    assert_eq!(status, 200);
    assert_eq!(detail["history"][0]["by"], Value::Null);
    assert_eq!(review(&host)["reviewed_by"], Value::Null);
}

#[test]
fn without_data_write_nothing_is_stored() {
    let host = host();
    host.grant(&[Scope::DataRead, Scope::AlertsWrite]);
    for (status, problem) in [decide(&host, "review", &json!(0)), resume(&host)] {
        assert_eq!((status, &problem["scope"]), (403, &json!("data:write")));
    }
    assert_eq!(writes(&host), 0);
    assert_eq!(host.stored("case/idt_1"), None);
}

#[test]
fn each_missing_scope_is_named() {
    let host = host();
    host.grant(&[Scope::DataWrite]);
    for (status, problem) in [
        get(&host, "identities"),
        get(&host, "identities/idt_1"),
        decide(&host, "approved", &json!(0)),
        resume(&host),
    ] {
        assert_eq!((status, &problem["scope"]), (403, &json!("data:read")));
    }
    assert_eq!(host.calls(), [] as [&str; 0]);
}

#[test]
fn without_alerts_write_a_review_is_recorded_and_its_alert_skipped() {
    let host = host();
    host.grant(&[Scope::DataRead, Scope::DataWrite]);
    let (status, detail) = decide(&host, "review", &json!(0));
    assert_eq!(status, 200);
    let alert = &detail["history"][0]["alert"];
    assert_eq!(alert["state"], "skipped");
    assert!(alert["why"].as_str().unwrap().contains("alerts:write"));
    assert_eq!(review(&host)["status"], "review");
}

#[test]
fn get_never_writes() {
    let host = host();
    decide(&host, "review", &json!(0));
    let before = writes(&host);
    for path in [
        "me",
        "identities?status=all",
        "identities",
        "identities/idt_1",
    ] {
        get(&host, path);
    }
    assert_eq!(writes(&host), before);
}

#[test]
fn wrong_addresses_and_methods_are_refused() {
    let host = host();
    assert_eq!(get(&host, "nothing").0, 404);
    assert_eq!(get(&host, "identities/idt_1/history").0, 404);
    assert_eq!(get(&host, "identities/idt_none").0, 404);
    assert_eq!(get(&host, "identities/a b").0, 404);
    for (method, path, allowed) in [
        ("DELETE", "identities/idt_1", "GET"),
        ("GET", "identities/idt_1/decision", "POST"),
        ("POST", "me", "GET"),
    ] {
        let response = send(&host, &Request::new(method, path));
        assert_eq!(
            (response.status, response.header("allow")),
            (405, Some(allowed))
        );
    }
}

#[test]
fn a_wrong_body_is_refused_before_anything_is_read() {
    let host = host();
    let path = format!("identities/{ID}/decision");
    let (status, problem) = post(
        &host,
        &path,
        &json!({ "decision": "approved", "reason": "x" }),
    );
    assert_eq!((status, &problem["field"]), (422, &json!("reason")));
    for (media_type, body, status) in [
        ("application/json", "{", 400),
        ("text/plain", "{}", 415),
        (
            "application/json",
            "{\"decision\":\"approved\",\"reason\":\"fine\",\"by\":\"me\"}",
            422,
        ),
    ] {
        let request = Request::new("POST", &path).with_body(media_type, body);
        assert_eq!(send(&host, &request).status, status);
    }
    let unknown = post(&host, "identities/idt_1/resume", &json!({ "force": true }));
    assert_eq!(unknown.0, 422);
    assert_eq!(host.calls(), [] as [&str; 0]);
}

#[test]
fn an_unknown_identity_gets_no_record() {
    let host = host();
    let body = json!({ "decision": "approved", "reason": "fine" });
    assert_eq!(post(&host, "identities/idt_none/decision", &body).0, 404);
    assert_eq!(post(&host, "identities/idt_none/resume", &json!({})).0, 404);
    assert_eq!(writes(&host), 0);
}

#[test]
fn resuming_where_nothing_is_unfinished_is_a_conflict() {
    let host = host();
    assert_eq!(resume(&host).0, 409);
    decide(&host, "approved", &json!(0));
    assert_eq!(resume(&host).0, 409);
    let empty = send(&host, &Request::new("POST", "identities/idt_1/resume"));
    assert_eq!(empty.status, 409, "an empty body is fine");
}

fn wait(message: &str) -> Wait {
    Wait {
        message: message.to_owned(),
        retry_after_seconds: Some(7),
    }
}

#[test]
fn a_failing_detail_is_read_from_the_list() {
    let host = host();
    host.fail("data.get", CloudError::Unavailable(wait("500")));
    assert_eq!(detail(&host)["identity"]["name"], "Ada Byron");
    host.fail("data.get", CloudError::Unavailable(wait("500")));
    host.fail("data.list", CloudError::Unavailable(wait("500")));
    let response = send(&host, &Request::new("GET", "identities/idt_1"));
    assert_eq!(
        (response.status, response.header("retry-after")),
        (503, Some("7"))
    );
}

#[test]
fn trouble_of_clouds_is_passed_on_by_its_kind() {
    let rejected = ApiError {
        status: 400,
        code: None,
        message: "no".to_owned(),
    };
    for (error, status) in [
        (CloudError::RateLimited(wait("slow")), 429),
        (CloudError::Unavailable(wait("down")), 503),
        (CloudError::Rejected(rejected), 502),
        (CloudError::Revoked, 401),
    ] {
        let host = host();
        host.fail("data.filter", error);
        assert_eq!(get(&host, "identities").0, status);
    }
}
