//! The Proxy API: what Core itself answers, without an envelope.

use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::call::{Call, malformed, metadata_field, string_field};
use crate::ledger::{Kind, NewBalance, Record, text};

/// `GET /proxy/{collection}`: a bare array, newest first.
pub(super) fn list(call: &Call<'_>, kind: Kind) -> Answer {
    let number = |name: &str, otherwise: usize| {
        call.query
            .get(name)
            .and_then(|text| text.parse().ok())
            .unwrap_or(otherwise)
    };
    let (limit, offset) = (number("limit", 20).min(100), number("offset", 0));
    let rows = call
        .ledger
        .table(kind)
        .newest_first()
        .skip(offset)
        .take(limit);
    Answer::ok(
        rows.map(|record| core_view(kind, record))
            .collect::<Vec<Value>>(),
    )
}

/// `GET /proxy/{collection}/{id}`.
pub(super) fn read(call: &Call<'_>, kind: Kind, id: &str) -> Result<Answer, Answer> {
    let record = call
        .ledger
        .table(kind)
        .get(id)
        .ok_or_else(|| not_found(kind, id))?;
    Ok(Answer::ok(core_view(kind, record)))
}

/// Core prints every field of an identity, set or not.
pub(super) fn core_view(kind: Kind, record: &Record) -> Value {
    let mut record = record.clone();
    if kind == Kind::Identities {
        for field in crate::ledger::IDENTITY_TEXTS {
            record.entry(field.to_owned()).or_insert_with(|| json!(""));
        }
        record
            .entry("dob".to_owned())
            .or_insert_with(|| json!(crate::ledger::ZERO_TIME));
        record.entry("meta_data".to_owned()).or_insert(Value::Null);
    }
    Value::Object(record)
}

/// Core's answer for a record that does not exist.
pub(super) fn not_found(kind: Kind, id: &str) -> Answer {
    let (code, name) = match kind {
        Kind::Ledgers => ("LGR_NOT_FOUND", "Ledger"),
        Kind::Balances => ("BAL_NOT_FOUND", "Balance"),
        Kind::Transactions => ("TXN_NOT_FOUND", "Transaction"),
        Kind::Identities => ("IDT_NOT_FOUND", "Identity"),
    };
    Answer::core_error(404, code, format!("{name} with ID '{id}' not found"))
}

/// `POST /proxy/{entity_id}/metadata`.
pub(super) fn metadata(call: &mut Call<'_>, id: &str) -> Result<Answer, Answer> {
    let object = call.object()?;
    let sent = match object.get("meta_data") {
        Some(Value::Object(sent)) => sent.clone(),
        _ => return Err(malformed("meta_data is required")),
    };
    let nobody = || Answer::core_error(404, "META_ENTITY_NOT_FOUND", "entity not found");
    if id.starts_with("bulk_") {
        return bulk_metadata(call, id, &sent).ok_or_else(nobody);
    }
    let Some(kind) = Kind::of_id(id) else {
        let text = format!("invalid entity ID format: {id}");
        return Err(Answer::core_error(400, "META_INVALID_ENTITY_ID", text));
    };
    let merged = call
        .ledger
        .merge_metadata(kind, id, &sent)
        .ok_or_else(nobody)?;
    // For transactions Core echoes what was sent, although it stores the merged object.
    let shown = if kind == Kind::Transactions {
        Value::Object(sent)
    } else {
        merged
    };
    Ok(Answer::ok(json!({ "meta_data": shown })))
}

/// A batch is the parent of its transactions.
fn bulk_metadata(call: &mut Call<'_>, id: &str, sent: &Record) -> Option<Answer> {
    let rows = call.ledger.transactions.rows().iter();
    let members: Vec<String> = rows
        .filter(|row| text(row, "parent_transaction") == id)
        .map(|row| text(row, "transaction_id").to_owned())
        .collect();
    if members.is_empty() {
        return None;
    }
    for member in members {
        call.ledger
            .merge_metadata(Kind::Transactions, &member, sent);
    }
    Some(Answer::ok(json!({ "meta_data": sent })))
}

/// `POST /proxy/ledgers`.
pub(super) fn create_ledger(call: &mut Call<'_>) -> Result<Answer, Answer> {
    let object = call.object()?;
    let name = string_field(&object, "name")?;
    if name.is_empty() {
        return Err(validation("name: cannot be blank."));
    }
    if call
        .ledger
        .ledgers
        .rows()
        .iter()
        .any(|row| text(row, "name") == name)
    {
        return Err(Answer::core_error(
            409,
            "LGR_DUPLICATE",
            format!("Ledger with name '{name}' already exists"),
        ));
    }
    let id = call.ids.next("ldg_");
    let mut record = Map::new();
    record.insert("ledger_id".to_owned(), json!(id));
    record.insert("name".to_owned(), json!(name));
    record.insert("created_at".to_owned(), json!(call.now.to_string()));
    record.insert("meta_data".to_owned(), metadata_field(&object)?);
    call.ledger.ledgers.push(id, record.clone());
    Ok(Answer::created(record))
}

/// `POST /proxy/balances`.
pub(super) fn create_balance(call: &mut Call<'_>) -> Result<Answer, Answer> {
    let object = call.object()?;
    let new = NewBalance {
        ledger_id: string_field(&object, "ledger_id")?,
        identity_id: string_field(&object, "identity_id")?,
        currency: string_field(&object, "currency")?,
        indicator: None,
        meta_data: metadata_field(&object)?,
    };
    if new.ledger_id.is_empty() {
        return Err(validation("ledger_id: cannot be blank."));
    }
    if new.currency.is_empty() {
        return Err(validation("currency: cannot be blank."));
    }
    if call.ledger.ledgers.get(&new.ledger_id).is_none() {
        return Err(not_found(Kind::Ledgers, &new.ledger_id));
    }
    if !new.identity_id.is_empty() && call.ledger.identities.get(&new.identity_id).is_none() {
        return Err(not_found(Kind::Identities, &new.identity_id));
    }
    Ok(Answer::created(call.ledger.create_balance(
        &mut call.ids,
        call.now,
        new,
    )))
}

/// `PUT /proxy/balances/{id}/identity`.
pub(super) fn link_balance(call: &mut Call<'_>, id: &str) -> Result<Answer, Answer> {
    let identity_id = string_field(&call.object()?, "identity_id")?;
    if identity_id.is_empty() {
        return Err(Answer::core_error(
            400,
            "GEN_MISSING_PARAMETER",
            "identity_id is required",
        ));
    }
    // An unknown identity is reported as an unknown balance; that is Core's doing.
    if call.ledger.identities.get(&identity_id).is_none() {
        return Err(not_found(Kind::Balances, id));
    }
    let balance = call
        .ledger
        .balances
        .get_mut(id)
        .ok_or_else(|| not_found(Kind::Balances, id))?;
    balance.insert("identity_id".to_owned(), json!(identity_id));
    Ok(Answer::message("Balance identity updated successfully"))
}

/// `GET /proxy/balances/{id}/at?timestamp=`.
pub(super) fn balance_at(call: &Call<'_>, id: &str) -> Result<Answer, Answer> {
    let given = call
        .query
        .get("timestamp")
        .filter(|given| !given.is_empty());
    let given = given
        .ok_or_else(|| Answer::core_error(400, "GEN_MISSING_PARAMETER", "timestamp is required"))?;
    let moment = given
        .parse()
        .map_err(|_| malformed("timestamp is not an RFC 3339 time"))?;
    let past = call
        .ledger
        .balance_at(id, moment)
        .ok_or_else(|| not_found(Kind::Balances, id))?;
    Ok(Answer::ok(
        json!({ "balance": past, "from_source": false, "timestamp": moment.to_string() }),
    ))
}

/// `GET /proxy/balances/{id}/lineage`: no balance tracks its lineage here.
pub(super) fn balance_lineage(call: &Call<'_>, id: &str) -> Result<Answer, Answer> {
    call.ledger
        .balances
        .get(id)
        .ok_or_else(|| not_found(Kind::Balances, id))?;
    Ok(Answer::ok(json!({
        "balance_id": id, "total_with_lineage": 0, "aggregate_balance_id": "", "providers": []
    })))
}

/// `GET /proxy/transactions/{id}/lineage`.
pub(super) fn transaction_lineage(call: &Call<'_>, id: &str) -> Result<Answer, Answer> {
    call.ledger
        .transactions
        .get(id)
        .ok_or_else(|| not_found(Kind::Transactions, id))?;
    Ok(Answer::ok(
        json!({ "transaction_id": id, "fund_allocation": [], "shadow_transactions": [] }),
    ))
}

/// Core's answer to a body that lacks something.
pub(super) fn validation(text: &str) -> Answer {
    Answer::core_errors(400, "GEN_VALIDATION_ERROR", text)
}
