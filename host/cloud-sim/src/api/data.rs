//! The Data API and the Filters API: reads straight from the instance's database.

use serde_json::{Value, json};

use super::answer::Answer;
use super::call::Call;
use crate::ledger::{AMOUNTS, Kind, Record, integer, text};
use crate::query::{Filters, Listing, Page};

/// `GET /data/{collection}`.
pub(super) fn list(call: &Call<'_>, listing: Listing) -> Result<Answer, Answer> {
    let filters = Filters::of_query(call.query, listing).map_err(filter_errors)?;
    Ok(page(call, listing, &filters))
}

/// `POST /{resource}/filter`.
pub(super) fn filter(call: &Call<'_>, listing: Listing) -> Result<Answer, Answer> {
    let filters = Filters::of_body(call.cloud_body()?, listing).map_err(filter_errors)?;
    let mut answer = page(call, listing, &filters);
    if let Value::Object(body) = &mut answer.body {
        match listing {
            Listing::Records(Kind::Ledgers) => {}
            Listing::Records(Kind::Transactions) => {
                body.insert("stats".to_owned(), json!({}));
                body.insert("total_is_estimate".to_owned(), json!(false));
                body.insert("total_source".to_owned(), json!("exact"));
            }
            _ => {
                body.insert("stats".to_owned(), json!({}));
            }
        }
    }
    Ok(answer)
}

/// `GET /data/{collection}/{id}`: the bare object.
pub(super) fn detail(call: &Call<'_>, kind: Kind, id: &str) -> Result<Answer, Answer> {
    if call.switches.data_detail_fails {
        return Err(Answer::cloud_error(500, "Failed to fetch record"));
    }
    let record = call.ledger.table(kind).get(id);
    let record = record.ok_or_else(|| Answer::cloud_error(404, "Record not found"))?;
    Ok(Answer::ok(rendered(call, kind, record)))
}

fn filter_errors(errors: Vec<String>) -> Answer {
    Answer::new(
        400,
        Value::Object(
            [("errors".to_owned(), Value::from(errors))]
                .into_iter()
                .collect(),
        ),
    )
}

fn page(call: &Call<'_>, listing: Listing, filters: &Filters) -> Answer {
    let Listing::Records(kind) = listing else {
        return Answer::ok(json!({ "data": [], "total": 0 }));
    };
    let page = Page::of(call.query, listing.default_page_size());
    let mut total = 0_usize;
    let mut data = Vec::new();
    for record in call
        .ledger
        .table(kind)
        .newest_first()
        .filter(|record| filters.matches(record))
    {
        if total >= page.skip && data.len() < page.size {
            data.push(rendered(call, kind, record));
        }
        total += 1;
    }
    let mut body = json!({ "data": data, "total": total });
    if matches!(kind, Kind::Balances | Kind::Transactions)
        && let Value::Object(body) = &mut body
    {
        body.insert("stats".to_owned(), json!({}));
    }
    Answer::ok(body)
}

/// A record as the database read shows it: it differs from Core's own view in two ways.
fn rendered(call: &Call<'_>, kind: Kind, record: &Record) -> Value {
    let mut record = record.clone();
    match kind {
        Kind::Identities => {
            // A date of birth comes without its time.
            let born = text(&record, "dob")
                .strip_suffix("T00:00:00Z")
                .filter(|day| !day.starts_with("0001"));
            if let Some(day) = born.map(str::to_owned) {
                record.insert("dob".to_owned(), Value::String(day));
            }
        }
        Kind::Balances if call.switches.omit_zero_numbers => {
            for field in AMOUNTS.iter().chain(&["version"]) {
                if integer(&record, field) == 0 {
                    record.remove(*field);
                }
            }
        }
        _ => {}
    }
    Value::Object(record)
}
