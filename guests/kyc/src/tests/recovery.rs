//! Whatever happens in between: one metadata object, at most one alert, and a record that says so.

use airlock_guest::{ApiError, CloudError, Scope, StoreError, Wait};

use super::*;

/// More calls than any decision makes.
const MANY: usize = 30;

/// Opens the identity as a person would afterwards, finishes what is unfinished, and decides again if nothing was stored.
fn reopen(host: &FakeHost, decision: &str) -> Value {
    let before = writes(host);
    let opened = detail(host);
    assert_eq!(writes(host), before, "opening does not write");
    let (status, after) = if !opened["unfinished"].is_null() {
        resume(host)
    } else if opened["history"] == json!([]) {
        decide(host, decision, &opened["version"])
    } else {
        return opened;
    };
    assert_eq!(status, 200, "{after}");
    after
}

/// What must hold at the end of every story about one decision.
fn assert_settled(host: &FakeHost, decision: &str, story: &str) {
    let detail = detail(host);
    assert_eq!(detail["unfinished"], Value::Null, "{story}");
    let history = detail["history"].as_array().unwrap();
    assert_eq!(history.len(), 1, "{story}");
    assert_eq!(review(host)["case_id"], history[0]["case"], "{story}");
    assert_eq!(review(host)["status"], decision, "{story}");
    let alerts = host.alerts().len();
    match history[0]["alert"]["state"].as_str().unwrap() {
        "none" => assert_eq!((decision, alerts), ("approved", 0), "{story}"),
        "raised" => assert_eq!(alerts, 1, "{story}"),
        "unknown" => assert!(alerts <= 1, "{story}"),
        other => panic!("{story}: {other}"),
    }
}

#[test]
fn a_host_killed_before_or_after_any_call_leaves_what_can_be_finished() {
    for decision in ["approved", "review"] {
        let mut kills = 0;
        for number in 1..MANY {
            for after in [false, true] {
                let host = host();
                if after {
                    host.kill_after(number);
                } else {
                    host.kill_before(number);
                }
                if host.run(|| decide(&host, decision, &json!(0))).is_none() {
                    kills += 1;
                }
                reopen(&host, decision);
                let story = format!("{decision}, killed at call {number}, after it: {after}");
                assert_settled(&host, decision, &story);
                let metadata = host.count("ledger.merge-metadata");
                assert_eq!(metadata, 1, "{story}: what is there is not sent again");
                assert!(host.count("alert-actions.flag") <= 1, "{story}");
            }
        }
        assert!(kills >= 10, "the kills come: {kills}");
    }
}

#[test]
fn a_host_killed_again_while_resuming_leaves_what_can_be_finished() {
    for first in 1..MANY {
        for second in 1..MANY {
            let host = host();
            host.kill_after(first);
            if host.run(|| decide(&host, "review", &json!(0))).is_some() {
                return;
            }
            host.kill_after(second);
            let _ = host.run(|| resume(&host));
            reopen(&host, "review");
            assert_settled(
                &host,
                "review",
                &format!("killed at {first}, then at {second}"),
            );
            assert!(host.count("alert-actions.flag") <= 1);
        }
    }
}

#[test]
fn an_alert_that_may_have_been_sent_is_shown_and_never_sent_again() {
    let host = host();
    let flag = call_number(&host_calls("review"), "alert-actions.flag");
    host.kill_after(flag);
    assert!(host.run(|| decide(&host, "review", &json!(0))).is_none());
    let unfinished = &detail(&host)["unfinished"];
    assert_eq!(unfinished["step"], "alert");
    assert_eq!(unfinished["alert"], "unknown");
    let (status, resumed) = resume(&host);
    assert_eq!(status, 200);
    assert_eq!(resumed["history"][0]["alert"]["state"], "unknown");
    assert_eq!(host.alerts().len(), 1);
}

#[test]
fn unfinished_decisions_say_how_far_they_came() {
    let calls = host_calls("review");
    let metadata = call_number(&calls, "ledger.merge-metadata");
    for (killed_before, step, alert) in [
        (metadata, "intent", "none"),
        (metadata + 2, "metadata", "none"),
        (metadata + 3, "alert", "unknown"),
    ] {
        let host = host();
        host.kill_before(killed_before);
        assert!(host.run(|| decide(&host, "review", &json!(0))).is_none());
        let detail = detail(&host);
        let unfinished = &detail["unfinished"];
        assert_eq!(
            (&unfinished["step"], &unfinished["alert"]),
            (&json!(step), &json!(alert))
        );
        assert_eq!(unfinished["decision"], "review");
        assert_eq!(unfinished["by"], "user_1");
        let again = decide(&host, "approved", &detail["version"]);
        assert_eq!(again.0, 409, "an unfinished decision is finished first");
    }
}

#[test]
fn a_lost_answer_to_the_metadata_is_settled_by_reading() {
    let host = host();
    host.lose_answer("ledger.merge-metadata");
    assert_eq!(decide(&host, "review", &json!(0)).0, 200);
    assert_settled(&host, "review", "the write had happened");

    let host = super::host();
    let unknown = CloudError::OutcomeUnknown("no answer".to_owned());
    host.fail("ledger.merge-metadata", unknown);
    let (status, problem) = decide(&host, "review", &json!(0));
    assert_eq!(status, 502, "{problem}");
    assert_eq!(detail(&host)["unfinished"]["step"], "intent");
    reopen(&host, "review");
    assert_settled(&host, "review", "the write had not happened");
}

#[test]
fn a_lost_answer_to_the_alert_is_recorded_as_unknown() {
    let host = host();
    host.lose_answer("alert-actions.flag");
    let (status, detail) = decide(&host, "review", &json!(0));
    assert_eq!(status, 200);
    assert_eq!(detail["history"][0]["alert"]["state"], "unknown");
    assert!(detail["history"][0]["alert"]["why"].is_string());
    assert_eq!(host.alerts().len(), 1);
    assert_eq!(resume(&host).0, 409, "there is nothing to resend");
}

#[test]
fn what_was_certainly_not_done_may_be_tried_again() {
    let wait = || Wait {
        message: "later".to_owned(),
        retry_after_seconds: None,
    };
    for call in ["ledger.merge-metadata", "alert-actions.flag"] {
        for (error, status) in [
            (CloudError::Unavailable(wait()), 503),
            (CloudError::RateLimited(wait()), 429),
        ] {
            let host = host();
            host.fail(call, error);
            assert_eq!(decide(&host, "review", &json!(0)).0, status);
            let step = &detail(&host)["unfinished"]["step"];
            let expected = if call.starts_with("ledger") {
                "intent"
            } else {
                "metadata"
            };
            assert_eq!(step, expected);
            reopen(&host, "review");
            assert_settled(&host, "review", call);
            assert_eq!(host.alerts().len(), 1);
        }
    }
}

#[test]
fn a_refused_write_takes_the_decision_back() {
    let rejected = ApiError {
        status: 400,
        code: None,
        message: "no".to_owned(),
    };
    for (error, status) in [
        (CloudError::Rejected(rejected), 502),
        (CloudError::NotGranted(Scope::DataWrite), 403),
        (CloudError::NotFound, 404),
    ] {
        let host = host();
        host.fail("ledger.merge-metadata", error);
        assert_eq!(decide(&host, "approved", &json!(0)).0, status);
        assert_eq!(host.stored("case/idt_1"), None, "nothing is left of it");
        assert_eq!(decide(&host, "approved", &json!(0)).0, 200);
    }
    let host = host();
    decide(&host, "approved", &json!(0));
    let before = detail(&host);
    host.fail("ledger.merge-metadata", CloudError::NotFound);
    assert_eq!(decide(&host, "rejected", &before["version"]).0, 404);
    assert_eq!(detail(&host)["history"], before["history"]);
}

#[test]
fn a_refused_alert_is_skipped_with_its_reason() {
    let host = host();
    let refused = CloudError::NotRequested(Scope::AlertsWrite);
    host.fail("alert-actions.flag", refused);
    let (status, detail) = decide(&host, "review", &json!(0));
    assert_eq!(status, 200);
    assert_eq!(detail["history"][0]["alert"]["state"], "skipped");
}

#[test]
fn a_failing_store_at_any_moment_leaves_what_can_be_finished() {
    for skipped in 0..4 {
        let host = host();
        let number = call_numbers(&host_calls("review"), "store.set")[skipped];
        host.before(number, |host| {
            host.fail_store("store.set", StoreError::Unavailable);
        });
        assert_eq!(decide(&host, "review", &json!(0)).0, 503);
        reopen(&host, "review");
        assert_settled(&host, "review", &format!("store failed at write {skipped}"));
        assert!(host.count("alert-actions.flag") <= 1);
    }
}

#[test]
fn the_record_stays_small_and_counts_what_it_drops() {
    let host = host();
    let reason = "😀".repeat(500);
    for _ in 0..60 {
        let version = detail(&host)["version"].clone();
        let body = json!({ "decision": "approved", "reason": reason, "version": version });
        assert_eq!(post(&host, "identities/idt_1/decision", &body).0, 200);
        assert!(host.stored("case/idt_1").unwrap().len() < 64 * 1024);
    }
    let detail = detail(&host);
    let kept = detail["history"].as_array().unwrap().len();
    assert!((20..50).contains(&kept), "{kept}");
    assert_eq!(detail["history_dropped"], 60 - kept);
    assert_eq!(
        detail["history"][0]["case"],
        review(&host)["case_id"],
        "newest first"
    );
}

#[test]
fn fifty_decisions_are_kept() {
    let host = host();
    for _ in 0..53 {
        let version = detail(&host)["version"].clone();
        assert_eq!(decide(&host, "approved", &version).0, 200);
    }
    let detail = detail(&host);
    assert_eq!(detail["history"].as_array().unwrap().len(), 50);
    assert_eq!(detail["history_dropped"], 3);
}

/// The calls of an undisturbed decision.
fn host_calls(decision: &str) -> Vec<String> {
    let host = host();
    decide(&host, decision, &json!(0));
    host.calls()
}

/// The numbers, from 1, of the calls that begin so.
fn call_numbers(calls: &[String], prefix: &str) -> Vec<usize> {
    let numbered = calls.iter().zip(1..);
    numbered
        .filter(|(call, _)| call.starts_with(prefix))
        .map(|(_, number)| number)
        .collect()
}

fn call_number(calls: &[String], prefix: &str) -> usize {
    call_numbers(calls, prefix)[0]
}
