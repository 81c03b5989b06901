//! What a handler gets: one authorized call and the state it works on.

use axum::body::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::answer::Answer;
use crate::ids::Ids;
use crate::ledger::{Ledger, Record};
use crate::query::Query;
use crate::switches::Switches;

/// One authorized call to the Data, Filters or Proxy API.
pub(crate) struct Call<'a> {
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) ids: Ids,
    pub(crate) now: Timestamp,
    pub(crate) query: &'a Query,
    pub(crate) body: &'a Bytes,
    pub(crate) switches: &'a Switches,
}

impl Call<'_> {
    /// The body as a JSON object, or Core's refusal.
    pub(crate) fn object(&self) -> Result<Record, Answer> {
        parse_object(self.body).ok_or_else(|| malformed("request body is not a JSON object"))
    }

    /// The body as a Cloud API takes it; an empty body is an empty object.
    pub(crate) fn cloud_body<T: DeserializeOwned>(&self) -> Result<T, Answer> {
        let body: &[u8] = if self.body.is_empty() {
            b"{}"
        } else {
            self.body
        };
        serde_json::from_slice(body).map_err(|_| Answer::cloud_error(400, "Invalid request body"))
    }

    /// How long a posted transaction is queued; `None` when it is applied at once.
    pub(crate) fn queue_delay(&self, skip_queue: bool) -> Option<SignedDuration> {
        let delay = i64::try_from(self.switches.queue_delay_ms).unwrap_or(i64::MAX);
        (self.switches.asynchronous_transactions && !skip_queue)
            .then(|| SignedDuration::from_millis(delay))
    }
}

/// The bytes as a JSON object.
pub(crate) fn parse_object(body: &Bytes) -> Option<Record> {
    match serde_json::from_slice(body).ok()? {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

/// Core's answer to a body that it cannot bind.
pub(crate) fn malformed(text: &str) -> Answer {
    Answer::core_error(400, "GEN_MALFORMED_REQUEST", text)
}

/// A string field of a body: empty when missing or null, malformed when something else.
pub(crate) fn string_field(object: &Record, field: &str) -> Result<String, Answer> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(malformed(&format!("cannot read field {field} as a string"))),
    }
}

/// A flag of a body: false when missing or null, malformed when something else.
pub(crate) fn flag_field(object: &Record, field: &str) -> Result<bool, Answer> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(malformed(&format!(
            "cannot read field {field} as a boolean"
        ))),
    }
}

/// The `meta_data` of a body: null when missing, malformed when no object.
pub(crate) fn metadata_field(object: &Record) -> Result<Value, Answer> {
    match object.get("meta_data") {
        None | Some(Value::Null) => Ok(Value::Null),
        Some(Value::Object(metadata)) => Ok(json!(metadata)),
        Some(_) => Err(malformed("cannot read field meta_data as an object")),
    }
}
