//! The ledger in memory: entities by collection, filters after the documented operators, shallow metadata, alerts.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::Page;
use crate::error::{ApiError, CloudError};

/// Cloud's own page size.
const DEFAULT_PAGE: Page = Page {
    number: 1,
    size: 20,
};

/// The names under which entities carry their ids.
const ID_FIELDS: [&str; 4] = ["identity_id", "balance_id", "transaction_id", "ledger_id"];

/// Entities by collection, newest first, and alerts.
#[derive(Debug, Default)]
pub(crate) struct FakeLedger {
    collections: BTreeMap<String, Vec<Value>>,
    pub(crate) alerts: Vec<Value>,
    created: u32,
}

impl FakeLedger {
    pub(crate) fn add(&mut self, collection: &str, entity: Value) {
        self.collections
            .entry(collection.to_owned())
            .or_default()
            .insert(0, entity);
    }

    pub(crate) fn create(
        &mut self,
        collection: &str,
        id_field: &str,
        entity: &str,
    ) -> Result<String, CloudError> {
        let mut entity = object(entity)?;
        self.created += 1;
        let prefix = id_field.get(..3).unwrap_or_default();
        let id = format!("{prefix}_{}", self.created);
        entity.entry(id_field).or_insert(id.into());
        let entity = Value::Object(entity);
        self.add(collection, entity.clone());
        Ok(entity.to_string())
    }

    pub(crate) fn find(&self, collection: &str, id: &str) -> Option<&Value> {
        self.collections
            .get(collection)?
            .iter()
            .find(|entity| id_of(entity) == Some(id))
    }

    fn find_anywhere(&mut self, id: &str) -> Result<&mut Value, CloudError> {
        self.collections
            .values_mut()
            .flatten()
            .find(|entity| id_of(entity) == Some(id))
            .ok_or(CloudError::NotFound)
    }

    pub(crate) fn get(&self, collection: &str, id: &str) -> Result<String, CloudError> {
        self.find(collection, id)
            .map(Value::to_string)
            .ok_or(CloudError::NotFound)
    }

    /// The pairs of the Data API as filters: `country_eq=GH`.
    pub(crate) fn list(
        &self,
        collection: &str,
        pairs: &[(String, String)],
        page: Option<Page>,
    ) -> Result<String, CloudError> {
        let filters: Vec<Value> = pairs
            .iter()
            .filter_map(|(name, value)| {
                let (field, operator) = name.rsplit_once('_')?;
                Some(
                    json!({ "field": field, "operator": operator, "value": value,
                    "values": value.split([',', '|']).collect::<Vec<_>>() }),
                )
            })
            .collect();
        self.filter(collection, &Value::Array(filters).to_string(), page)
    }

    pub(crate) fn filter(
        &self,
        collection: &str,
        filters: &str,
        page: Option<Page>,
    ) -> Result<String, CloudError> {
        let filters: Vec<Value> = serde_json::from_str(filters)
            .map_err(|error| CloudError::InvalidRequest(error.to_string()))?;
        let page = page.unwrap_or(DEFAULT_PAGE);
        let matching: Vec<&Value> = self
            .collections
            .get(collection)
            .into_iter()
            .flatten()
            .filter(|entity| filters.iter().all(|filter| fits(entity, filter)))
            .collect();
        let skipped = (page.number.saturating_sub(1) as usize).saturating_mul(page.size as usize);
        let data: Vec<&Value> = matching
            .iter()
            .skip(skipped)
            .take(page.size as usize)
            .copied()
            .collect();
        Ok(json!({ "data": data, "total": matching.len() }).to_string())
    }

    /// Only non-empty fields are written, as Core does.
    pub(crate) fn update(&mut self, id: &str, changes: &str) -> Result<String, CloudError> {
        let changes = object(changes)?;
        if changes.contains_key("meta_data") {
            return Err(CloudError::InvalidRequest(
                "meta_data is refused here".to_owned(),
            ));
        }
        let entity = self.find_anywhere(id)?;
        for (field, value) in changes {
            if value != "" && !value.is_null() {
                entity[field] = value;
            }
        }
        Ok(json!({ "message": "updated" }).to_string())
    }

    pub(crate) fn merge_metadata(
        &mut self,
        id: &str,
        key: &str,
        value: &str,
    ) -> Result<String, CloudError> {
        let value: Value = serde_json::from_str(value)
            .map_err(|error| CloudError::InvalidRequest(error.to_string()))?;
        let entity = self.find_anywhere(id)?;
        let mut metadata = match entity.get("meta_data") {
            Some(Value::Object(metadata)) => metadata.clone(),
            _ => Map::new(),
        };
        metadata.insert(key.to_owned(), value);
        entity["meta_data"] = Value::Object(metadata);
        Ok(json!({ "meta_data": entity["meta_data"] }).to_string())
    }

    pub(crate) fn flag(
        &mut self,
        entity_id: &str,
        title: Option<&str>,
        description: &str,
    ) -> String {
        let alert = json!({
            "anomaly_id": format!("ano_{}", self.alerts.len() + 1),
            "title": title,
            "description": description,
            "status": "FLAGGED",
            "entity_id": entity_id,
        });
        self.alerts.push(alert.clone());
        alert.to_string()
    }

    pub(crate) fn update_alert(&mut self, id: &str, changes: &str) -> Result<String, CloudError> {
        let changes = object(changes)?;
        let alert = self
            .alerts
            .iter_mut()
            .find(|alert| alert["anomaly_id"] == id)
            .ok_or(CloudError::NotFound)?;
        for (field, value) in changes {
            alert[field] = value;
        }
        Ok(alert.to_string())
    }
}

fn id_of(entity: &Value) -> Option<&str> {
    ID_FIELDS
        .iter()
        .find_map(|field| entity.get(field)?.as_str())
}

fn object(text: &str) -> Result<Map<String, Value>, CloudError> {
    serde_json::from_str(text).map_err(|error| {
        CloudError::Rejected(ApiError {
            status: 400,
            code: Some("GEN_MALFORMED_REQUEST".to_owned()),
            message: error.to_string(),
        })
    })
}

/// Whether an entity meets one condition. An operator that is not known meets nothing, so that a slip shows.
fn fits(entity: &Value, filter: &Value) -> bool {
    let path = filter["field"].as_str().unwrap_or_default();
    let found = path
        .split('.')
        .try_fold(entity, |value, key| value.get(key));
    let actual = found.filter(|value| !value.is_null());
    let wanted = &filter["value"];
    let values = filter["values"].as_array();
    match filter["operator"].as_str().unwrap_or_default() {
        "exists" => found.is_some(),
        "notexists" => found.is_none(),
        "isnull" => actual.is_none(),
        "isnotnull" => actual.is_some(),
        "eq" => actual.is_some_and(|actual| text(actual) == text(wanted)),
        "ne" => actual.is_some_and(|actual| text(actual) != text(wanted)),
        "in" => actual.is_some_and(|actual| {
            values.is_some_and(|values| values.iter().any(|value| text(value) == text(actual)))
        }),
        "between" => actual.is_some_and(|actual| match values.map(Vec::as_slice) {
            Some([lowest, highest]) => {
                compare(actual, lowest).is_ge() && compare(actual, highest).is_le()
            }
            _ => false,
        }),
        "gt" => actual.is_some_and(|actual| compare(actual, wanted).is_gt()),
        "gte" => actual.is_some_and(|actual| compare(actual, wanted).is_ge()),
        "lt" => actual.is_some_and(|actual| compare(actual, wanted).is_lt()),
        "lte" => actual.is_some_and(|actual| compare(actual, wanted).is_le()),
        "like" => actual.is_some_and(|actual| like(&text(actual), &text(wanted))),
        "ilike" => actual
            .is_some_and(|actual| like(&text(actual).to_lowercase(), &text(wanted).to_lowercase())),
        _ => false,
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Numbers as numbers, all else as text.
fn compare(left: &Value, right: &Value) -> std::cmp::Ordering {
    let (left, right) = (text(left), text(right));
    match (left.parse::<f64>(), right.parse::<f64>()) {
        (Ok(left), Ok(right)) => left.total_cmp(&right),
        _ => left.cmp(&right),
    }
}

/// SQL's LIKE: `%` is any run, `_` any one character.
fn like(text: &str, pattern: &str) -> bool {
    let mut pattern_rest = pattern.chars();
    match pattern_rest.next() {
        None => text.is_empty(),
        Some('%') => {
            let rest = pattern_rest.as_str();
            like(text, rest)
                || text
                    .char_indices()
                    .any(|(at, character)| like(&text[at + character.len_utf8()..], rest))
        }
        Some(expected) => {
            let mut text_rest = text.chars();
            text_rest
                .next()
                .is_some_and(|actual| expected == '_' || expected == actual)
                && like(text_rest.as_str(), pattern_rest.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_sql() {
        for (text, pattern, expected) in [
            ("byron", "%yr%", true),
            ("byron", "b_r%", true),
            ("byron", "yr%", false),
            ("", "%", true),
            ("byron", "byron_", false),
        ] {
            assert_eq!(like(text, pattern), expected, "{text} {pattern}");
        }
    }

    #[test]
    fn an_unknown_operator_finds_nothing() {
        let mut ledger = FakeLedger::default();
        ledger.add("identities", json!({ "identity_id": "idt_1" }));
        let filters = r#"[{"field":"identity_id","operator":"is","value":"idt_1"}]"#;
        let answer = ledger.filter("identities", filters, None).unwrap();
        assert_eq!(answer, r#"{"data":[],"total":0}"#);
    }
}
