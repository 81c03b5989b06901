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
