//! The shapes that the page reads.

use airlock_guest::Host;
use serde::Serialize;
use serde_json::{Value, json};

use crate::case::{Alert, CaseFile, Closed, Intent, Step};
use crate::check::{Check, Rules, check};
use crate::date::Date;
use crate::identity::Identity;

/// One line of the list.
#[derive(Debug, Serialize)]
pub(crate) struct Item {
    id: String,
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    email: Option<String>,
    country: Option<String>,
    created_at: Option<String>,
    status: &'static str,
    unfinished: bool,
}

/// One identity with all that is known of its reviews.
#[derive(Debug, Serialize)]
pub(crate) struct Detail {
    identity: Value,
    status: &'static str,
    tokenized: Vec<String>,
    check: Check,
    history: Vec<Value>,
    history_dropped: u64,
    unfinished: Option<Value>,
    version: u64,
}

impl Item {
    pub(crate) fn new(identity: &Identity, unfinished: bool) -> Self {
        Self {
            id: identity.id().to_owned(),
            name: identity.name(),
            kind: identity.kind().as_str(),
            email: identity.email(),
            country: identity.text("country"),
            created_at: identity.created_at(),
            status: identity.status().as_str(),
            unfinished,
        }
    }
}

impl Detail {
    pub(crate) fn new(host: &impl Host, identity: &Identity, file: &CaseFile) -> Self {
        let today = Date::of_milliseconds(host.now());
        Self {
            identity: fields(identity),
            status: identity.status().as_str(),
            tokenized: identity.tokenized(),
            check: check(identity, &Rules::of(host), today),
            history: file.case.history.iter().map(closed).collect(),
            history_dropped: file.case.dropped,
            unfinished: file.case.open.as_ref().map(unfinished),
            version: file.version(),
        }
    }
}

fn fields(identity: &Identity) -> Value {
    let text = |field| identity.text(field);
    json!({
        "id": identity.id(),
        "name": identity.name(),
        "type": identity.kind().as_str(),
        "first_name": text("first_name"),
        "last_name": text("last_name"),
        "other_names": text("other_names"),
        "organization_name": text("organization_name"),
        "email": identity.email(),
        "phone": identity.phone(),
        "dob": identity.birthday_text(),
        "gender": text("gender"),
        "nationality": text("nationality"),
        "category": text("category"),
        "street": text("street"),
        "city": text("city"),
        "state": text("state"),
        "post_code": text("post_code"),
        "country": text("country"),
        "created_at": identity.created_at(),
    })
}

fn closed(closed: &Closed) -> Value {
    let (state, id, why) = match &closed.alert {
        Alert::None => ("none", None, None),
        Alert::Raised { id } => ("raised", id.as_deref(), None),
        Alert::Unknown { why } => ("unknown", None, Some(why)),
        Alert::Skipped { why } => ("skipped", None, Some(why)),
    };
    json!({
        "case": closed.case,
        "at": closed.at,
        "decision": closed.decision.as_str(),
        "reason": closed.reason,
        "by": closed.by,
        "state": "done",
        "alert": { "state": state, "id": id, "why": why },
    })
}

fn unfinished(intent: &Intent) -> Value {
    let (step, alert) = match intent.step {
        Step::Intent => ("intent", "none"),
        Step::Metadata => ("metadata", "none"),
        Step::Alert => ("alert", "unknown"),
    };
    json!({
        "case": intent.case,
        "at": intent.at,
        "decision": intent.decision.as_str(),
        "reason": intent.reason,
        "by": intent.by,
        "step": step,
        "alert": alert,
    })
}
