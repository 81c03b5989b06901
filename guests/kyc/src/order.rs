//! What a reviewer sends with a decision, strictly read: the first thing that is wrong is named.

use airlock_guest::{Problem, Request};
use serde_json::{Map, Value};

use crate::case::Decision;

/// Characters of a reason at least: "ok" tells nobody anything.
const SHORTEST_REASON: usize = 3;
/// Characters of a reason at most.
const LONGEST_REASON: usize = 500;

/// A decision as it was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) decision: Decision,
    pub(crate) reason: String,
    /// The version of the record that the reviewer has seen. None is 0: nothing was recorded yet.
    pub(crate) version: Option<u64>,
}

impl Order {
    /// Reads the body: 400, 415, or 422 naming the field.
    pub(crate) fn parse(request: &Request) -> Result<Self, Problem> {
        let mut body = object(request)?;
        let decision = body
            .remove("decision")
            .as_ref()
            .and_then(Value::as_str)
            .and_then(Decision::parse)
            .ok_or_else(|| invalid("decision", "Must be approved, rejected or review."))?;
        let reason = match body.remove("reason") {
            Some(Value::String(reason)) => reason.trim().to_owned(),
            _ => return Err(invalid("reason", "A reason is needed, as text.")),
        };
        if !(SHORTEST_REASON..=LONGEST_REASON).contains(&reason.chars().count()) {
            return Err(invalid("reason", "Must have 3 to 500 characters."));
        }
        if reason
            .chars()
            .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        {
            return Err(invalid("reason", "Must not have control characters."));
        }
        let version = match body.remove("version") {
            None | Some(Value::Null) => None,
            Some(version) => Some(
                version
                    .as_u64()
                    .ok_or_else(|| invalid("version", "Must be a whole number or null."))?,
            ),
        };
        no_more(&body)?;
        Ok(Self {
            decision,
            reason,
            version,
        })
    }
}

/// Reads a body that says nothing: none, or an empty object.
pub(crate) fn parse_nothing(request: &Request) -> Result<(), Problem> {
    if request.body.is_empty() {
        return Ok(());
    }
    no_more(&object(request)?)
}

fn object(request: &Request) -> Result<Map<String, Value>, Problem> {
    match request.json()? {
        Value::Object(object) => Ok(object),
        _ => Err(Problem::bad_request("The body must be a JSON object.")),
    }
}

fn no_more(body: &Map<String, Value>) -> Result<(), Problem> {
    match body.keys().next() {
        Some(field) => {
            let field: String = field.chars().take(64).collect();
            Err(invalid(&field, "This field is not known."))
        }
        None => Ok(()),
    }
}

fn invalid(field: &str, detail: &str) -> Problem {
    Problem::unprocessable(Some(field), detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(body: &str) -> Result<Order, Problem> {
        Order::parse(&Request::new("POST", "x").with_body("application/json", body))
    }

    #[test]
    fn a_whole_order_is_read_and_its_reason_trimmed() {
        let order = parse(r#"{"decision":"review","reason":" look\n here ","version":7}"#).unwrap();
        assert_eq!(
            order,
            Order {
                decision: Decision::Review,
                reason: "look\n here".to_owned(),
                version: Some(7),
            }
        );
        let order = parse(r#"{"decision":"approved","reason":"fine","version":null}"#).unwrap();
        assert_eq!(order.version, None);
    }

    #[test]
    fn each_wrong_field_is_named() {
        let long = "x".repeat(501);
        for (body, field) in [
            (json!({}), "decision"),
            (
                json!({ "decision": "Approved", "reason": "fine" }),
                "decision",
            ),
            (json!({ "decision": 1, "reason": "fine" }), "decision"),
            (json!({ "decision": "approved" }), "reason"),
            (json!({ "decision": "approved", "reason": null }), "reason"),
            (
                json!({ "decision": "approved", "reason": " ok " }),
                "reason",
            ),
            (json!({ "decision": "approved", "reason": long }), "reason"),
            (
                json!({ "decision": "approved", "reason": "a\u{0}bc" }),
                "reason",
            ),
            (
                json!({ "decision": "approved", "reason": "fine", "version": -1 }),
                "version",
            ),
            (
                json!({ "decision": "approved", "reason": "fine", "version": "1" }),
                "version",
            ),
            (
                json!({ "decision": "approved", "reason": "fine", "status": "x" }),
                "status",
            ),
        ] {
            let problem = parse(&body.to_string()).unwrap_err();
            assert_eq!(
                (problem.status(), problem.field()),
                (422, Some(field)),
                "{body}"
            );
        }
    }

    #[test]
    fn the_length_of_a_reason_counts_characters() {
        let reason = "ü".repeat(500);
        assert!(parse(&json!({ "decision": "approved", "reason": reason }).to_string()).is_ok());
        assert!(parse(r#"{"decision":"approved","reason":"abc"}"#).is_ok());
    }

    #[test]
    fn a_body_that_is_no_object_is_a_400() {
        for body in ["", "{", "[]", "null", "\"x\""] {
            assert_eq!(parse(body).unwrap_err().status(), 400, "{body}");
        }
    }
}
