//! Transactions through the proxy.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::answer::Answer;
use super::call::{Call, flag_field, malformed, metadata_field, string_field};
use super::proxy::validation;
use crate::ledger::{Posting, Record, Settlement, integer};

/// What Cloud fills in when a transaction names none.
const DEFAULT_PRECISION: i64 = 100;

/// `POST /proxy/transactions`.
pub(super) fn create(call: &mut Call<'_>) -> Result<Answer, Answer> {
    let object = call.object()?;
    let posting = posting(&object)?;
    if flag_field(&object, "dry_run")? {
        return Ok(Answer::ok(call.ledger.preview(
            &mut call.ids,
            call.now,
            &posting,
        )?));
    }
    let delay = call.queue_delay(posting.skip_queue);
    Ok(Answer::created(call.ledger.post(
        &mut call.ids,
        call.now,
        &posting,
        delay,
    )?))
}

/// `POST /proxy/transactions/bulk`. An atomic batch is applied whole or not at all; another one
/// keeps what went well before the failure.
pub(super) fn create_bulk(call: &mut Call<'_>) -> Result<Answer, Answer> {
    let object = call.object()?;
    let entries = match object.get("transactions") {
        Some(Value::Array(entries)) if !entries.is_empty() => entries.clone(),
        _ => return Err(validation("transactions: cannot be blank.")),
    };
    let (atomic, inflight) = (
        flag_field(&object, "atomic")?,
        flag_field(&object, "inflight")?,
    );
    let (run_async, skip_queue) = (
        flag_field(&object, "run_async")?,
        flag_field(&object, "skip_queue")?,
    );
    let batch_id = call.ids.next("bulk_");
    let before = atomic.then(|| call.ledger.clone());
    for (number, entry) in entries.iter().enumerate() {
        if let Err(mut answer) = post_entry(call, entry, &batch_id, inflight, skip_queue) {
            if let Some(before) = before {
                *call.ledger = before;
            }
            if let Value::Object(body) = &mut answer.body {
                body.insert("batch_id".to_owned(), json!(batch_id));
                body.insert("failed_at".to_owned(), json!(number));
            }
            return Err(answer);
        }
    }
    if run_async {
        let text = "Bulk transaction processing started";
        return Ok(Answer::new(
            202,
            json!({ "message": text, "batch_id": batch_id, "status": "processing" }),
        ));
    }
    let status = if inflight { "inflight" } else { "applied" };
    Ok(Answer::created(
        json!({ "batch_id": batch_id, "status": status, "transaction_count": entries.len() }),
    ))
}

fn post_entry(
    call: &mut Call<'_>,
    entry: &Value,
    batch_id: &str,
    inflight: bool,
    skip_queue: bool,
) -> Result<(), Answer> {
    let entry = entry
        .as_object()
        .ok_or_else(|| malformed("a transaction is not a JSON object"))?;
    let mut posting = posting(entry)?;
    batch_id.clone_into(&mut posting.parent_transaction);
    posting.inflight |= inflight;
    posting.skip_queue |= skip_queue;
    let delay = call.queue_delay(posting.skip_queue);
    call.ledger.post(&mut call.ids, call.now, &posting, delay)?;
    Ok(())
}

/// `PUT /proxy/transactions/inflight/{id}`.
pub(super) fn settle(call: &mut Call<'_>, id: &str) -> Result<Answer, Answer> {
    let object = call.object()?;
    let settlement = match string_field(&object, "status")?.as_str() {
        "commit" => {
            let precision = call
                .ledger
                .transactions
                .get(id)
                .map_or(i128::from(DEFAULT_PRECISION), |row| {
                    integer(row, "precision")
                });
            Settlement::Commit(amount(
                &object,
                i64::try_from(precision).unwrap_or(DEFAULT_PRECISION),
            )?)
        }
        "void" => Settlement::Void,
        other => {
            let text = format!("status '{other}' is not supported: use commit or void");
            return Err(Answer::core_error(400, "TXN_VALIDATION_ERROR", text));
        }
    };
    Ok(Answer::ok(call.ledger.settle(
        &mut call.ids,
        call.now,
        id,
        settlement,
    )?))
}

/// `POST /proxy/refund-transaction/{id}`.
pub(super) fn refund(call: &mut Call<'_>, id: &str) -> Result<Answer, Answer> {
    Ok(Answer::created(call.ledger.refund(
        &mut call.ids,
        call.now,
        id,
    )?))
}

/// Checks a transaction and fills in what Cloud fills in.
fn posting(object: &Record) -> Result<Posting, Answer> {
    if object.contains_key("sources") || object.contains_key("destinations") {
        return Err(Answer::core_error(
            400,
            "TXN_VALIDATION_ERROR",
            "this simulated Cloud knows one source and one destination only",
        ));
    }
    let required = |field: &str| match string_field(object, field)? {
        text if text.is_empty() => Err(validation(&format!("{field}: cannot be blank."))),
        text => Ok(text),
    };
    let precision = match object.get("precision") {
        None | Some(Value::Null) => DEFAULT_PRECISION,
        Some(value) => whole(value)
            .ok_or_else(|| malformed("cannot read field precision as a whole number"))?,
    };
    if precision <= 0 {
        return Err(validation("precision: must be above zero."));
    }
    let precise_amount =
        amount(object, precision)?.ok_or_else(|| validation("amount: cannot be blank."))?;
    if precise_amount <= 0 {
        return Err(validation("amount: must be above zero."));
    }
    let reference = match string_field(object, "reference")? {
        reference if reference.is_empty() => format!("ref_{}", Uuid::new_v4()),
        reference => reference,
    };
    Ok(Posting {
        precise_amount,
        precision,
        currency: required("currency")?,
        reference,
        source: required("source")?,
        destination: required("destination")?,
        description: string_field(object, "description")?,
        allow_overdraft: flag_field(object, "allow_overdraft")?,
        inflight: flag_field(object, "inflight")?,
        skip_queue: flag_field(object, "skip_queue")?,
        scheduled_for: scheduled_for(object)?,
        parent_transaction: String::new(),
        meta_data: metadata_field(object)?,
    })
}

fn scheduled_for(object: &Record) -> Result<Option<Timestamp>, Answer> {
    let text = string_field(object, "scheduled_for")?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse()
        .map(Some)
        .map_err(|_| malformed("cannot read field scheduled_for as an RFC 3339 time"))
}

/// The amount in minor units. `precise_amount` must be a bare whole number, not a string, and not
/// stand beside `amount`.
fn amount(object: &Record, precision: i64) -> Result<Option<i128>, Answer> {
    let given = |field: &str| object.get(field).filter(|value| !value.is_null());
    match (given("amount"), given("precise_amount")) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(Answer::core_errors(
            400,
            "TXN_VALIDATION_ERROR",
            "either amount or precise_amount should be provided, not both",
        )),
        (None, Some(value)) => match whole(value) {
            Some(amount) => Ok(Some(i128::from(amount))),
            None => Err(malformed(
                "cannot read field precise_amount as a whole number",
            )),
        },
        (Some(value), None) => {
            let amount = value
                .as_f64()
                .ok_or_else(|| malformed("cannot read field amount as a number"))?;
            minor_units(amount, precision).map(Some)
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "`amount` is a double by contract, and its range is checked first"
)]
fn minor_units(amount: f64, precision: i64) -> Result<i128, Answer> {
    let scaled = (amount * precision as f64).round();
    if scaled.is_finite() && scaled.abs() < 9.0e18 {
        Ok(scaled as i128)
    } else {
        Err(Answer::core_errors(
            400,
            "TXN_VALIDATION_ERROR",
            "amount is too large",
        ))
    }
}

/// A JSON integer within 64 bits; Core also takes larger ones, which are not simulated.
fn whole(value: &Value) -> Option<i64> {
    match value {
        // Some encoders write whole numbers as 100.0.
        Value::Number(number) => number
            .as_i64()
            .or_else(|| number.to_string().strip_suffix(".0")?.parse().ok()),
        _ => None,
    }
}
