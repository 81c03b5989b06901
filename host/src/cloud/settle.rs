//! A transaction that the host sent more than once, settled: Cloud is asked what became of its `reference`.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::error::CloudError;
use super::outbound::Outbound;
use super::path::CloudPath;

/// The read that settles. Two rows are enough to see that there is more than one.
pub(super) fn question(reference: &str) -> Outbound {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Outbound::get(CloudPath::fixed(&["data", "transactions"]))
        .query(vec![pair("reference_eq", reference), pair("pageSize", "2")])
}

/// What the call ends with, from what Cloud keeps under the reference: the one transaction there, if it is the one that
/// was sent. A transaction of another kind may be someone else's, and one that is not there may still come.
pub(super) fn settled(sent: Option<&str>, kept: &str) -> Result<String, CloudError> {
    #[derive(Deserialize)]
    struct List<'a> {
        #[serde(borrow)]
        data: Vec<&'a RawValue>,
    }

    let list: List<'_> = serde_json::from_str(kept).map_err(|_| unsettled())?;
    let [one] = list.data.as_slice() else {
        return Err(unsettled());
    };
    let object = |text: &str| serde_json::from_str::<Map<String, Value>>(text).ok();
    match (sent.and_then(object), object(one.get())) {
        (Some(sent), Some(kept)) if is_same(&sent, &kept) => Ok(one.get().to_owned()),
        _ => Err(unsettled()),
    }
}

/// Nobody knows.
pub(super) fn unsettled() -> CloudError {
    CloudError::OutcomeUnknown(
        "the transaction was sent more than once, and what became of it can't be read by its reference".to_owned(),
    )
}

/// Whether what Cloud keeps is what was sent, as far as both say.
fn is_same(sent: &Map<String, Value>, kept: &Map<String, Value>) -> bool {
    let texts = ["source", "destination", "currency"];
    let same_text = |name: &&str| match (sent.get(*name), kept.get(*name)) {
        // `@Name` is kept by the id of the balance that has this name.
        (Some(Value::String(sent)), _) if sent.starts_with('@') => true,
        (Some(sent), Some(kept)) => sent == kept,
        _ => true,
    };
    let amounts = ["amount", "precise_amount"];
    let same_amount = |name: &&str| match (sent.get(*name), kept.get(*name)) {
        (Some(sent), Some(kept)) => sent == kept || sent.as_f64() == kept.as_f64(),
        _ => true,
    };
    texts.iter().all(same_text) && amounts.iter().all(same_amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: &str = r#"{"amount":10.50,"currency":"USD","source":"bln_1","destination":"@Fees","reference":"r"}"#;

    fn kept(rows: &str) -> Result<String, CloudError> {
        settled(Some(SENT), &format!(r#"{{"data":[{rows}],"total":1}}"#))
    }

    #[test]
    fn the_one_transaction_that_was_sent_is_the_answer_as_cloud_wrote_it() {
        let row = r#"{"transaction_id":"txn_1","amount":10.5,"precise_amount":123456789012345678901,"source":"bln_1","destination":"bln_9","currency":"USD"}"#;
        assert_eq!(kept(row).unwrap(), row);
    }

    #[test]
    fn none_several_others_and_nonsense_leave_the_outcome_unknown() {
        let row = r#"{"amount":10.5,"source":"bln_1"}"#;
        for rows in [
            String::new(),
            format!("{row},{row}"),
            r#"{"amount":11,"source":"bln_1"}"#.to_owned(),
            r#"{"amount":10.5,"source":"bln_2"}"#.to_owned(),
            r#"{"amount":10.5,"currency":"EUR"}"#.to_owned(),
            "7".to_owned(),
        ] {
            assert!(
                matches!(kept(&rows), Err(CloudError::OutcomeUnknown(_))),
                "{rows}"
            );
        }
        for text in ["", "null", "[]", r#"{"data":{}}"#] {
            assert_eq!(settled(Some(SENT), text), Err(unsettled()), "{text}");
        }
    }
}
