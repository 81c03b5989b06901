//! Two people at the same identity.

use std::cell::RefCell;
use std::rc::Rc;

use super::*;

const MANY: usize = 20;

/// One person decides on version 0; before the call of the given number somebody else does something. Both answers, the other's
/// none where the call never came.
fn interleaved(
    host: &FakeHost,
    number: usize,
    other: impl FnOnce(&FakeHost) -> (u16, Value) + 'static,
) -> ((u16, Value), Option<u16>) {
    let seen = Rc::new(RefCell::new(None));
    let theirs = Rc::clone(&seen);
    host.before(number, move |host| {
        *theirs.borrow_mut() = Some(other(host).0);
    });
    let mine = host.run(|| decide(host, "review", &json!(0))).unwrap();
    let theirs = seen.borrow_mut().take();
    (mine, theirs)
}

#[test]
fn of_two_reviewers_one_decides_and_the_other_is_told() {
    let mut came = 0;
    for number in 1..MANY {
        let host = host();
        let (mine, theirs) = interleaved(&host, number, |host| decide(host, "approved", &json!(0)));
        let Some(theirs) = theirs else { break };
        came += 1;
        let statuses = (mine.0, theirs);
        assert!(
            matches!(statuses, (200, 409) | (409, 200)),
            "{number}: {statuses:?}"
        );
        let detail = detail(&host);
        assert_eq!(detail["history"].as_array().unwrap().len(), 1, "{number}");
        assert_eq!(detail["unfinished"], Value::Null, "{number}");
        assert_eq!(host.count("ledger.merge-metadata"), 1, "{number}");
        let decided = if mine.0 == 200 { "review" } else { "approved" };
        assert_eq!(review(&host)["status"], decided, "{number}");
        assert_eq!(host.alerts().len(), usize::from(mine.0 == 200), "{number}");
    }
    assert!(came >= 7, "{came}");
}

#[test]
fn a_resume_in_the_middle_of_a_decision_does_no_harm() {
    let mut came = 0;
    for number in 1..MANY {
        let host = host();
        let (_, theirs) = interleaved(&host, number, resume);
        let Some(_) = theirs else { break };
        came += 1;
        let detail = detail(&host);
        assert_eq!(detail["unfinished"], Value::Null, "{number}");
        assert_eq!(detail["history"].as_array().unwrap().len(), 1, "{number}");
        assert_eq!(
            review(&host)["case_id"],
            detail["history"][0]["case"],
            "{number}"
        );
        assert_eq!(
            host.alerts().len(),
            1,
            "{number}: one alert, whoever sent it"
        );
    }
    assert!(came >= 7, "{came}");
}

#[test]
fn an_alert_that_arrives_after_it_was_called_unknown_is_added() {
    let host = host();
    let calls = {
        let host = super::host();
        decide(&host, "review", &json!(0));
        host.calls()
    };
    let flag = calls
        .iter()
        .position(|call| call.starts_with("alert-actions.flag"))
        .unwrap()
        + 1;
    let (mine, theirs) = interleaved(&host, flag, resume);
    assert_eq!((mine.0, theirs), (200, Some(200)));
    let alert = &detail(&host)["history"][0]["alert"];
    assert_eq!(
        (&alert["state"], &alert["id"]),
        (&json!("raised"), &json!("ano_1"))
    );
}

#[test]
fn a_stale_version_is_a_conflict() {
    let host = host();
    let (_, first) = decide(&host, "approved", &json!(0));
    assert_eq!(decide(&host, "rejected", &json!(0)).0, 409);
    assert_eq!(decide(&host, "rejected", &json!(999)).0, 409);
    assert_eq!(review(&host)["status"], "approved");
    let (status, second) = decide(&host, "rejected", &first["version"]);
    assert_eq!(status, 200);
    assert_eq!(second["history"].as_array().unwrap().len(), 2);
    assert_eq!(second["history"][0]["decision"], "rejected");
}

/// A decision that names no version: the field is null, or not there at all.
fn without_version(host: &FakeHost, decision: &str, absent: bool) -> (u16, Value) {
    if !absent {
        return decide(host, decision, &Value::Null);
    }
    let body = json!({ "decision": decision, "reason": "as it should be" });
    post(host, &format!("identities/{ID}/decision"), &body)
}

#[test]
fn without_a_version_only_the_first_decision_is_taken() {
    for absent in [false, true] {
        let host = host();
        let (status, first) = without_version(&host, "review", absent);
        assert_eq!(status, 200, "a fresh case, absent: {absent}");
        let before = writes(&host);
        for decision in ["review", "rejected"] {
            let again = without_version(&host, decision, absent).0;
            assert_eq!(again, 409, "a decided case, absent: {absent}");
        }
        assert_eq!(writes(&host), before, "a refusal writes nothing");
        assert_eq!(detail(&host)["history"], first["history"]);
        assert_eq!(host.alerts().len(), 1);
    }
}

#[test]
fn without_a_version_an_unfinished_decision_is_left_as_it_is() {
    for absent in [false, true] {
        let host = host();
        let away = airlock_guest::CloudError::OutcomeUnknown("no answer".to_owned());
        host.fail("ledger.merge-metadata", away);
        assert_eq!(without_version(&host, "review", absent).0, 502);
        let unfinished = detail(&host)["unfinished"].clone();
        assert_eq!(unfinished["decision"], "review");
        let before = writes(&host);
        assert_eq!(without_version(&host, "approved", absent).0, 409);
        assert_eq!(writes(&host), before, "a refusal writes nothing");
        assert_eq!(detail(&host)["unfinished"], unfinished);
    }
}

#[test]
fn without_a_version_a_decision_that_was_taken_back_can_be_made_again() {
    let host = host();
    host.fail("ledger.merge-metadata", airlock_guest::CloudError::NotFound);
    assert_eq!(without_version(&host, "approved", true).0, 404);
    assert_eq!(without_version(&host, "approved", true).0, 200);
}
