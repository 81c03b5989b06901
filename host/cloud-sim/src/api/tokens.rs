//! Tokenization of personal fields. Field names are those of Core's source (`FirstName`), not
//! those of its JSON.

use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::call::Call;
use super::proxy::not_found;
use crate::ids::fixed;
use crate::ledger::{Kind, text};

/// The fields that can be tokenized: Core's name and the JSON name.
const FIELDS: [(&str, &str); 7] = [
    ("FirstName", "first_name"),
    ("LastName", "last_name"),
    ("OtherNames", "other_names"),
    ("EmailAddress", "email_address"),
    ("PhoneNumber", "phone_number"),
    ("Street", "street"),
    ("PostCode", "post_code"),
];

/// `POST .../tokenize/{field}`.
pub(super) fn tokenize_one(call: &mut Call<'_>, id: &str, field: &str) -> Result<Answer, Answer> {
    check(call, id)?;
    tokenize_field(call, id, field)?;
    Ok(Answer::message("Field tokenized successfully"))
}

/// `POST .../tokenize` with `{"fields":[...]}`: all or nothing.
pub(super) fn tokenize_many(call: &mut Call<'_>, id: &str) -> Result<Answer, Answer> {
    check(call, id)?;
    let fields = fields_of_body(call)?;
    if fields.is_empty() {
        return Err(Answer::core_error(
            400,
            "GEN_MISSING_PARAMETER",
            "fields are required",
        ));
    }
    for field in &fields {
        json_name(field)?;
        if stored_plain(call, id, field).is_some() {
            return Err(invalid(format!("field {field} is already tokenized")));
        }
    }
    for field in &fields {
        tokenize_field(call, id, field)?;
    }
    Ok(Answer::message("Fields tokenized successfully"))
}

/// `GET .../tokenized-fields`.
pub(super) fn tokenized_fields(call: &Call<'_>, id: &str) -> Result<Answer, Answer> {
    check(call, id)?;
    Ok(Answer::ok(
        json!({ "tokenized_fields": tokenized_names(call, id) }),
    ))
}

/// `GET .../detokenize/{field}`.
pub(super) fn detokenize_one(call: &Call<'_>, id: &str, field: &str) -> Result<Answer, Answer> {
    check(call, id)?;
    Ok(Answer::ok(
        json!({ "field": field, "value": plain_value(call, id, field)? }),
    ))
}

/// `POST .../detokenize` with `{"fields":[...]}`; without fields, all that are tokenized.
pub(super) fn detokenize_many(call: &Call<'_>, id: &str) -> Result<Answer, Answer> {
    check(call, id)?;
    let asked = fields_of_body(call)?;
    let fields = if asked.is_empty() {
        tokenized_names(call, id)
    } else {
        asked
    };
    let mut values = Map::new();
    for field in fields {
        let value = plain_value(call, id, &field)?;
        values.insert(field, Value::String(value));
    }
    Ok(Answer::ok(json!({ "fields": values })))
}

fn check(call: &Call<'_>, id: &str) -> Result<(), Answer> {
    if !call.switches.tokenization_enabled {
        return Err(Answer::core_error(
            403,
            "IDT_TOKENIZATION_DISABLED",
            "tokenization is disabled",
        ));
    }
    call.ledger
        .identities
        .get(id)
        .map(|_| ())
        .ok_or_else(|| not_found(Kind::Identities, id))
}

fn invalid(text: String) -> Answer {
    Answer::core_error(400, "IDT_VALIDATION_ERROR", text)
}

fn json_name(field: &str) -> Result<&'static str, Answer> {
    let known = FIELDS.iter().find(|(name, _)| *name == field);
    known
        .map(|(_, json_name)| *json_name)
        .ok_or_else(|| invalid(format!("field {field} is not tokenizable")))
}

fn stored_plain<'a>(call: &'a Call<'_>, id: &str, field: &str) -> Option<&'a String> {
    call.ledger.tokenized.get(&format!("{id} {field}"))
}

fn plain_value(call: &Call<'_>, id: &str, field: &str) -> Result<String, Answer> {
    json_name(field)?;
    stored_plain(call, id, field)
        .cloned()
        .ok_or_else(|| invalid(format!("field {field} is not tokenized")))
}

fn tokenized_names(call: &Call<'_>, id: &str) -> Vec<String> {
    FIELDS
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .filter(|name| stored_plain(call, id, name).is_some())
        .collect()
}

fn tokenize_field(call: &mut Call<'_>, id: &str, field: &str) -> Result<(), Answer> {
    let json_name = json_name(field)?;
    if stored_plain(call, id, field).is_some() {
        return Err(invalid(format!("field {field} is already tokenized")));
    }
    let identity = call
        .ledger
        .identities
        .get_mut(id)
        .ok_or_else(|| not_found(Kind::Identities, id))?;
    let plain = text(identity, json_name).to_owned();
    if plain.is_empty() {
        return Err(invalid(format!("field {field} is empty")));
    }
    identity.insert(
        json_name.to_owned(),
        json!(fixed("tok_", &format!("{id} {field} {plain}"))),
    );
    let metadata = identity.entry("meta_data").or_insert(Value::Null);
    if !metadata.is_object() {
        *metadata = json!({});
    }
    if let Value::Object(metadata) = metadata {
        let flags = metadata
            .entry("tokenized_fields")
            .or_insert_with(|| json!({}));
        if !flags.is_object() {
            *flags = json!({});
        }
        if let Value::Object(flags) = flags {
            flags.insert(field.to_owned(), json!(true));
        }
    }
    call.ledger.tokenized.insert(format!("{id} {field}"), plain);
    Ok(())
}

fn fields_of_body(call: &Call<'_>) -> Result<Vec<String>, Answer> {
    let object = if call.body.is_empty() {
        Map::new()
    } else {
        call.object()?
    };
    let fields = object.get("fields").cloned().unwrap_or_else(|| json!([]));
    serde_json::from_value(fields)
        .map_err(|_| super::call::malformed("cannot read field fields as a list of strings"))
}
