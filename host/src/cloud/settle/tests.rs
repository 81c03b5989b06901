//! Whose transaction it is that Cloud keeps under a reference, in the shapes that Cloud documents.

use serde_json::{Value, json};

use super::*;

fn guests() -> Reference {
    Reference::Guests("kyc-fee-1".to_owned())
}

fn hosts() -> Reference {
    Reference::Hosts("kyc-fee-1".to_owned())
}

/// The documented request: the amount in its smallest unit.
fn sent() -> Value {
    json!({
        "precise_amount": 10050, "precision": 100, "currency": "USD", "reference": "kyc-fee-1", "source": "bln_1",
        "destination": "bln_2", "description": "KYC fee", "allow_overdraft": false, "inflight": false, "meta_data": {},
    })
}

/// The documented row of the Data API: the amount whole.
fn row() -> Value {
    json!({
        "transaction_id": "txn_1", "parent_transaction": "", "amount": 100.5, "currency": "USD", "source": "bln_1",
        "destination": "bln_2", "reference": "kyc-fee-1", "status": "APPLIED", "precision": 100, "meta_data": null,
        "created_at": "2024-11-26T08:36:36.238244338Z",
    })
}

/// An object with other fields. `null` takes one out.
fn with(mut object: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            object.as_object_mut().unwrap().remove(name);
        } else {
            object[name] = value.clone();
        }
    }
    object
}

fn settle(reference: &Reference, sent: &Value, row: &Value) -> Result<String, CloudError> {
    let kept = format!(r#"{{"data":[{row}],"total":1}}"#);
    settled(reference, Some(&sent.to_string()), &kept)
}

#[test]
fn the_one_transaction_that_was_sent_is_the_answer_as_cloud_wrote_it() {
    let same = [
        (json!({}), json!({})),
        (json!({}), json!({ "precise_amount": 10050 })),
        (
            json!({}),
            json!({ "amount": null, "precise_amount": 10050 }),
        ),
        (json!({}), json!({ "precision": null })),
        (json!({}), json!({ "status": "REJECTED" })),
        // Cloud fills in a precision of 100.
        (json!({ "precision": null }), json!({})),
        (
            json!({ "precise_amount": null, "amount": 100.50 }),
            json!({}),
        ),
        (
            json!({ "precise_amount": null, "amount": 100.5, "precision": null }),
            json!({ "amount": null, "precise_amount": 10050 }),
        ),
    ];
    for (sending, keeping) in same {
        let (sent, row) = (with(sent(), &sending), with(row(), &keeping));
        for reference in [guests(), hosts()] {
            let outcome = settle(&reference, &sent, &row);
            assert_eq!(outcome, Ok(row.to_string()), "{sending} {keeping}");
        }
    }
}

#[test]
fn another_transaction_under_the_reference_is_never_the_answer() {
    for (sending, keeping) in [
        (json!({}), json!({ "reference": "kyc-fee-2" })),
        (json!({}), json!({ "reference": null })),
        (json!({}), json!({ "amount": 100.51 })),
        (json!({}), json!({ "amount": 10050 })),
        (json!({}), json!({ "precise_amount": 10051 })),
        (json!({}), json!({ "precision": 1000 })),
        (json!({}), json!({ "source": "bln_3" })),
        (json!({}), json!({ "destination": "bln_1" })),
        (json!({}), json!({ "currency": "EUR" })),
        (json!({}), json!({ "inflight": true })),
        (json!({}), json!({ "status": "VOID" })),
        (
            json!({ "source": "@Fees" }),
            json!({ "destination": "bln_3" }),
        ),
    ] {
        for reference in [guests(), hosts()] {
            let outcome = settle(&reference, &with(sent(), &sending), &with(row(), &keeping));
            assert_eq!(outcome, Err(unsettled()), "{sending} {keeping}");
        }
    }
}

#[test]
fn amounts_beyond_machine_numbers_are_compared_exactly() {
    let text = |precise: &str| {
        let sent = r#"{"currency":"USD","source":"bln_1","destination":"bln_2","precise_amount":"#;
        format!(r#"{sent}{precise},"precision":100,"reference":"kyc-fee-1"}}"#)
    };
    let kept = format!(r#"{{"data":[{}]}}"#, text("9007199254740993"));
    assert!(settled(&guests(), Some(&text("9007199254740993")), &kept).is_ok());
    let other = settled(&hosts(), Some(&text("9007199254740992")), &kept);
    assert_eq!(other, Err(unsettled()));
}

#[test]
fn what_can_not_be_compared_is_the_answer_only_under_a_reference_of_the_host() {
    for (sending, keeping) in [
        (json!({ "destination": "@Fees" }), json!({})),
        (json!({ "dry_run": true }), json!({})),
        (json!({ "inflight": true }), json!({ "inflight": true })),
        (
            json!({ "destination": null, "destinations": [{ "identifier": "bln_2", "distribution": "100%" }] }),
            json!({}),
        ),
        (json!({ "Amount": 7 }), json!({})),
        (json!({ "amount": 100.5 }), json!({})),
        (json!({ "precise_amount": null }), json!({})),
        (json!({ "precise_amount": "10050" }), json!({})),
        (json!({ "precision": 0 }), json!({ "precision": null })),
        (json!({ "currency": null }), json!({})),
        (json!({ "source": null }), json!({})),
        (json!({}), json!({ "amount": null })),
        (json!({}), json!({ "source": null })),
    ] {
        let (sent, row) = (with(sent(), &sending), with(row(), &keeping));
        let outcome = settle(&guests(), &sent, &row);
        assert_eq!(outcome, Err(unsettled()), "{sending} {keeping}");
        let outcome = settle(&hosts(), &sent, &row);
        assert_eq!(outcome, Ok(row.to_string()), "{sending} {keeping}");
    }
    assert_eq!(settle(&guests(), &json!({}), &row()), Err(unsettled()));
}

#[test]
fn none_several_and_nonsense_leave_the_outcome_unknown() {
    let sent = sent().to_string();
    for rows in [String::new(), format!("{0},{0}", row()), "7".to_owned()] {
        let kept = format!(r#"{{"data":[{rows}]}}"#);
        assert_eq!(
            settled(&hosts(), Some(&sent), &kept),
            Err(unsettled()),
            "{rows}"
        );
    }
    for text in ["", "null", "[]", r#"{"data":{}}"#] {
        let outcome = settled(&hosts(), Some(&sent), text);
        assert_eq!(outcome, Err(unsettled()), "{text}");
    }
}
