//! Identities through the proxy: creating and updating.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answer::Answer;
use super::call::{Call, malformed, metadata_field, string_field};
use super::proxy::not_found;
use crate::ledger::{IDENTITY_TEXTS, Kind, Record, ZERO_TIME};

/// `POST /proxy/identities`: answers the whole object, unset fields included.
pub(super) fn create(call: &mut Call<'_>) -> Result<Answer, Answer> {
    let object = call.object()?;
    let mut record = Map::new();
    for field in IDENTITY_TEXTS {
        record.insert(field.to_owned(), json!(string_field(&object, field)?));
    }
    record.insert(
        "dob".to_owned(),
        json!(birth_time(&object)?.unwrap_or_else(|| ZERO_TIME.to_owned())),
    );
    record.insert("meta_data".to_owned(), metadata_field(&object)?);
    let id = match string_field(&object, "identity_id")? {
        id if id.is_empty() => call.ids.next("idt_"),
        id => chosen_id(call, id)?,
    };
    record.insert("identity_id".to_owned(), json!(id));
    record.insert("created_at".to_owned(), json!(call.now.to_string()));
    call.ledger.identities.push(id, record.clone());
    Ok(Answer::created(record))
}

/// `PUT /proxy/identities/{id}`: only what is not empty is written, and the answer is a sentence.
/// A `meta_data` object replaces the stored one.
pub(super) fn update(call: &mut Call<'_>, id: &str) -> Result<Answer, Answer> {
    let object = if call.body.is_empty() {
        Map::new()
    } else {
        call.object()?
    };
    if object.is_empty() {
        return Err(Answer::core_error(
            400,
            "GEN_BAD_REQUEST",
            "no fields to update",
        ));
    }
    let mut changes = Map::new();
    for field in IDENTITY_TEXTS {
        let text = string_field(&object, field)?;
        if !text.is_empty() {
            changes.insert(field.to_owned(), Value::String(text));
        }
    }
    if let Some(born) = birth_time(&object)? {
        changes.insert("dob".to_owned(), Value::String(born));
    }
    let metadata = metadata_field(&object)?;
    if metadata.is_object() {
        changes.insert("meta_data".to_owned(), metadata);
    }
    let record = call
        .ledger
        .identities
        .get_mut(id)
        .ok_or_else(|| not_found(Kind::Identities, id))?;
    record.extend(changes);
    Ok(Answer::message("Identity updated successfully"))
}

/// An identifier that the caller chose: `idt_` and a UUID, not used before.
fn chosen_id(call: &Call<'_>, id: String) -> Result<String, Answer> {
    let invalid = |text: String| Answer::core_error(400, "IDT_VALIDATION_ERROR", text);
    if id
        .strip_prefix("idt_")
        .is_none_or(|uuid| Uuid::parse_str(uuid).is_err())
    {
        return Err(invalid(
            "identity_id must be idt_ followed by a UUID".to_owned(),
        ));
    }
    if call.ledger.identities.get(&id).is_some() {
        return Err(invalid(format!("Identity already exists: {id}")));
    }
    Ok(id)
}

/// The date of birth, which Core reads as a full time: a date alone is malformed.
fn birth_time(object: &Record) -> Result<Option<String>, Answer> {
    match object.get("dob") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if is_full_time(text) => Ok(Some(text.clone())),
        Some(_) => Err(malformed("cannot read field dob as an RFC 3339 time")),
    }
}

fn is_full_time(text: &str) -> bool {
    text.as_bytes().get(10) == Some(&b'T') && text.parse::<Timestamp>().is_ok()
}
