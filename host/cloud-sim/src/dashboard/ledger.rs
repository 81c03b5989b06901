//! Browsing the ledger and the alerts from the dashboard.

use std::sync::Arc;

use axum::extract::{Path, Query, State as Extract};
use axum::response::Json;
use serde_json::{Value, json};

use super::{PagingQuery, Refusal, not_found};
use crate::core::Core;
use crate::ledger::{Kind, Record};
use crate::lock;
use crate::state::Alert;

/// Rows on a page, at most.
const LARGEST_PAGE: usize = 200;

/// `GET ledger/{collection}?q=&page=&page_size=`: newest first, `q` anywhere in a record.
pub(super) async fn list(
    Extract(core): Extract<Arc<Core>>,
    Path(collection): Path<String>,
    Query(paging): PagingQuery,
) -> Result<Json<Value>, Refusal> {
    let kind = Kind::parse(&collection).ok_or_else(|| not_found("collection"))?;
    let page_size = paging.page_size.unwrap_or(20).clamp(1, LARGEST_PAGE);
    let page = paging.page.unwrap_or(1).max(1);
    let words = paging.q.trim().to_lowercase();
    let state = lock(&core.state);
    let ledger = state.main_ledger().ok_or_else(|| not_found("instance"))?;
    let (mut total, mut data) = (0_usize, Vec::new());
    let first = (page - 1).saturating_mul(page_size);
    for record in ledger
        .table(kind)
        .newest_first()
        .filter(|record| mentions(record, &words))
    {
        if total >= first && data.len() < page_size {
            data.push(record);
        }
        total += 1;
    }
    Ok(Json(
        json!({ "data": data, "total": total, "page": page, "page_size": page_size }),
    ))
}

/// `GET ledger/{collection}/{id}`: the raw object.
pub(super) async fn detail(
    Extract(core): Extract<Arc<Core>>,
    Path((collection, id)): Path<(String, String)>,
) -> Result<Json<Value>, Refusal> {
    let kind = Kind::parse(&collection).ok_or_else(|| not_found("collection"))?;
    let state = lock(&core.state);
    let record = state
        .main_ledger()
        .and_then(|ledger| ledger.table(kind).get(&id));
    record
        .map(|record| Json(json!(record)))
        .ok_or_else(|| not_found("record"))
}

/// `GET alerts`.
pub(super) async fn alerts(Extract(core): Extract<Arc<Core>>) -> Json<Value> {
    let state = lock(&core.state);
    let alerts: Vec<Value> = state.alerts.newest_first().map(Alert::to_json).collect();
    Json(json!({ "total": alerts.len(), "data": alerts }))
}

/// Whether every word occurs in some value of the record. No words occur in all.
fn mentions(record: &Record, words: &str) -> bool {
    if words.is_empty() {
        return true;
    }
    let mut text = String::new();
    for value in record.values() {
        collect(value, &mut text);
    }
    let text = text.to_lowercase();
    words.split_whitespace().all(|word| text.contains(word))
}

fn collect(value: &Value, text: &mut String) {
    match value {
        Value::String(string) => {
            text.push_str(string);
            text.push('\n');
        }
        Value::Number(number) => {
            text.push_str(&number.to_string());
            text.push('\n');
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, text)),
        Value::Object(object) => {
            for (name, value) in object {
                text.push_str(name);
                text.push('\n');
                collect(value, text);
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}
