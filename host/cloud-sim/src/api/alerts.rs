//! The Alerts API.

use axum::body::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::call::parse_object;
use crate::ids::Ids;
use crate::ledger::{Kind, Record};
use crate::state::{ALLOWED_COLOURS, State, Subject, wire_time};
use crate::switches::Switches;

/// `GET /alerts`. The shape of this list is not documented, so it is a switch.
pub(super) fn list(state: &State, switches: &Switches) -> Answer {
    let alerts: Vec<Value> = state
        .alerts
        .newest_first()
        .map(crate::state::Alert::to_json)
        .collect();
    if switches.alerts_as_bare_array {
        return Answer::ok(alerts);
    }
    Answer::ok(json!({ "total": alerts.len(), "data": alerts }))
}

/// `GET /alerts/{anomaly_id}`.
pub(super) fn read(state: &State, id: &str) -> Result<Answer, Answer> {
    state
        .alerts
        .find(id)
        .map(|alert| Answer::ok(alert.to_json()))
        .ok_or_else(unknown_alert)
}

/// `POST /alerts/flag/{entity_id}`.
pub(super) fn raise(
    state: &mut State,
    instance_id: &str,
    now: Timestamp,
    id: &str,
    body: &Bytes,
) -> Result<Answer, Answer> {
    let object = object(body)?;
    let description = words(&object, "description")?.unwrap_or_default();
    if description.is_empty() {
        return Err(Answer::cloud_error(400, "description is required"));
    }
    let Some(subject) = Subject::of_id(id) else {
        return Err(Answer::cloud_error(
            400,
            "entity id must name a balance, a transaction or an identity",
        ));
    };
    let kind = match subject {
        Subject::Balance => Kind::Balances,
        Subject::Identity => Kind::Identities,
        Subject::Transaction => Kind::Transactions,
    };
    let is_known = state
        .ledger_mut(instance_id)
        .is_some_and(|ledger| ledger.table(kind).get(id).is_some());
    if !is_known {
        return Err(Answer::cloud_error(404, "Entity not found"));
    }
    let title = words(&object, "title")?.unwrap_or_default();
    let alert = state
        .alerts
        .raise(&mut Ids::Random, now, subject, id, (title, description));
    Ok(Answer::created(alert.to_json()))
}

/// `PUT /alerts/flag/{anomaly_id}`: any of title, description and status.
pub(super) fn update(
    state: &mut State,
    now: Timestamp,
    id: &str,
    body: &Bytes,
) -> Result<Answer, Answer> {
    let object = object(body)?;
    let (title, description) = (words(&object, "title")?, words(&object, "description")?);
    let status = match words(&object, "status")? {
        None => None,
        Some(key) => {
            let known = state.alerts.status_key(&key);
            Some(known.ok_or_else(|| Answer::cloud_error(400, format!("unknown status: {key}")))?)
        }
    };
    if title.is_none() && description.is_none() && status.is_none() {
        return Err(Answer::cloud_error(400, "nothing to update"));
    }
    let alert = state.alerts.find_mut(id).ok_or_else(unknown_alert)?;
    alert.title = title.unwrap_or_else(|| alert.title.clone());
    alert.description = description.unwrap_or_else(|| alert.description.clone());
    alert.status = status.unwrap_or_else(|| alert.status.clone());
    alert.updated_at = wire_time(now);
    Ok(Answer::ok(alert.to_json()))
}

/// `GET /alerts/statuses`.
pub(super) fn list_statuses(state: &State) -> Answer {
    Answer::ok(json!({ "data": state.alerts.statuses(), "allowed_colours": ALLOWED_COLOURS }))
}

/// `POST /alerts/statuses`. A missing key is made from the name.
pub(super) fn create_status(
    state: &mut State,
    now: Timestamp,
    body: &Bytes,
) -> Result<Answer, Answer> {
    let object = object(body)?;
    let (name, colour) = name_and_colour(&object)?;
    let key = words(&object, "key")?
        .filter(|key| !key.is_empty())
        .unwrap_or_else(|| name.clone());
    let key = upper_snake(&key);
    if state.alerts.status_key(&key).is_some() {
        return Err(Answer::cloud_error(
            409,
            format!("status {key} already exists"),
        ));
    }
    Ok(Answer::created(
        state.alerts.add_status(now, key, name, colour).to_json(),
    ))
}

/// `PUT /alerts/statuses/{key}`: name and colour are both required.
pub(super) fn update_status(
    state: &mut State,
    now: Timestamp,
    key: &str,
    body: &Bytes,
) -> Result<Answer, Answer> {
    let (name, colour) = name_and_colour(&object(body)?)?;
    let status = state.alerts.status_mut(key).ok_or_else(unknown_status)?;
    status.name = name;
    status.colour = colour;
    status.updated_at = now.to_string();
    Ok(Answer::ok(status.to_json()))
}

/// `DELETE /alerts/statuses/{key}`: refused while alerts use it.
pub(super) fn delete_status(state: &mut State, key: &str) -> Result<Answer, Answer> {
    state.alerts.status_mut(key).ok_or_else(unknown_status)?;
    let used = state.alerts.in_status(key);
    if used > 0 {
        let text = format!(
            "cannot delete status: {used} alert(s) use this status - reassign them to another status first"
        );
        return Err(Answer::cloud_error(409, text));
    }
    state.alerts.remove_status(key);
    Ok(Answer::message("Status deleted"))
}

fn unknown_alert() -> Answer {
    Answer::cloud_error(404, "Alert not found")
}

fn unknown_status() -> Answer {
    Answer::cloud_error(404, "Status not found")
}

fn object(body: &Bytes) -> Result<Record, Answer> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    parse_object(body).ok_or_else(|| Answer::cloud_error(400, "Invalid request body"))
}

fn words(object: &Record, field: &str) -> Result<Option<String>, Answer> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Answer::cloud_error(
            400,
            format!("{field} must be a string"),
        )),
    }
}

fn name_and_colour(object: &Record) -> Result<(String, String), Answer> {
    let required = |field: &str| {
        let text = words(object, field)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| Answer::cloud_error(400, format!("{field} is required")))
    };
    let (name, colour) = (required("name")?, required("colour")?);
    if !ALLOWED_COLOURS
        .iter()
        .any(|allowed| allowed.eq_ignore_ascii_case(&colour))
    {
        return Err(Answer::cloud_error(400, "colour is not allowed"));
    }
    Ok((name, colour.to_uppercase()))
}

fn upper_snake(text: &str) -> String {
    let words: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_uppercase)
        .collect();
    words.join("_")
}
