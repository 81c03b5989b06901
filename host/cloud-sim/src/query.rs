//! The filter grammar of the Data and Filters APIs, and paging.

mod condition;
mod fields;
mod like;
mod value;

use serde::Deserialize;
use serde_json::Value;

pub(crate) use condition::{Condition, Operator};
pub(crate) use fields::{Listing, is_filterable};

use crate::ledger::Record;

/// Core's bounds on one request.
const MOST_FILTERS: usize = 20;
const MOST_IN_VALUES: usize = 100;
const LONGEST_VALUE: usize = 1_000;
/// The largest page. Cloud documents no maximum; public apps keep to this one.
const LARGEST_PAGE: usize = 100;

/// Parameters that are never filters.
const RESERVED: [&str; 12] = [
    "page",
    "pageSize",
    "per_page",
    "limit",
    "offset",
    "sort",
    "order",
    "order_by",
    "order_dir",
    "instance_id",
    "org_id",
    "logical_operator",
];

/// Decoded query parameters in the order in which they were sent.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Takes the raw query string.
    pub(crate) fn parse(raw: &str) -> Self {
        Self(
            url::form_urlencoded::parse(raw.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// The first parameter with this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    fn number(&self, name: &str) -> Option<usize> {
        self.get(name)?.parse().ok().filter(|number| *number > 0)
    }
}

/// One page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) skip: usize,
    pub(crate) size: usize,
}

impl Page {
    /// `page` counts from 1; nonsense falls back to the defaults, too large a page is cut.
    pub(crate) fn of(query: &Query, default_size: usize) -> Self {
        let size = query
            .number("pageSize")
            .unwrap_or(default_size)
            .min(LARGEST_PAGE);
        let page = query.number("page").unwrap_or(1);
        Self {
            skip: (page - 1).saturating_mul(size),
            size,
        }
    }
}

/// The conditions of one request.
#[derive(Debug, PartialEq)]
pub(crate) struct Filters {
    conditions: Vec<Condition>,
    any: bool,
}

/// The body of a Filters API request.
#[derive(Deserialize)]
pub(crate) struct FilterBody {
    #[serde(default)]
    filters: Vec<FilterEntry>,
    #[serde(default)]
    logical_operator: Option<String>,
}

#[derive(Deserialize)]
struct FilterEntry {
    field: String,
    operator: String,
    #[serde(default)]
    value: Option<Value>,
    #[serde(default)]
    values: Option<Vec<Value>>,
}

impl Filters {
    /// Reads `{field}_{operator}=value` parameters. The operator is the text after the last `_`;
    /// a parameter without a known operator is ignored without a word, as Core does.
    pub(crate) fn of_query(query: &Query, listing: Listing) -> Result<Self, Vec<String>> {
        let mut conditions = Vec::new();
        let mut errors = Vec::new();
        for (name, value) in &query.0 {
            if RESERVED.contains(&name.as_str()) {
                continue;
            }
            let Some((field, suffix)) = name.rsplit_once('_') else {
                continue;
            };
            let Some(operator) = Operator::of_suffix(suffix) else {
                continue;
            };
            let values: Vec<String> = match operator {
                Operator::In => value
                    .split(',')
                    .map(|part| part.trim().to_owned())
                    .collect(),
                Operator::Between => value
                    .split('|')
                    .map(|part| part.trim().to_owned())
                    .collect(),
                Operator::IsNull | Operator::IsNotNull => Vec::new(),
                _ => vec![value.clone()],
            };
            match condition(listing, field, operator, values) {
                Ok(condition) => conditions.push(condition),
                Err(error) => errors.push(error),
            }
        }
        Self::checked(conditions, errors, query.get("logical_operator"))
    }

    /// Reads the body of a Filters API request. Here an unknown operator is an error.
    pub(crate) fn of_body(body: FilterBody, listing: Listing) -> Result<Self, Vec<String>> {
        let mut conditions = Vec::new();
        let mut errors = Vec::new();
        for entry in body.filters {
            let Some(operator) = Operator::of_word(&entry.operator) else {
                errors.push(format!("unknown operator '{}'", entry.operator));
                continue;
            };
            let mut field = entry.field;
            let mut values: Vec<String> = match operator {
                Operator::In | Operator::Between => {
                    entry.values.unwrap_or_default().iter().map(plain).collect()
                }
                _ => entry.value.iter().map(plain).collect(),
            };
            if matches!(operator, Operator::Exists | Operator::NotExists) && field == "meta_data" {
                // The key may stand in the value instead of the field.
                if let Some(key) = values.pop() {
                    field = format!("meta_data.{key}");
                }
            }
            match condition(listing, &field, operator, values) {
                Ok(condition) => conditions.push(condition),
                Err(error) => errors.push(error),
            }
        }
        Self::checked(conditions, errors, body.logical_operator.as_deref())
    }

    fn checked(
        conditions: Vec<Condition>,
        mut errors: Vec<String>,
        logical_operator: Option<&str>,
    ) -> Result<Self, Vec<String>> {
        if conditions.len() > MOST_FILTERS {
            errors.push(format!(
                "too many filters: at most {MOST_FILTERS} are allowed"
            ));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let any = logical_operator.is_some_and(|word| word.eq_ignore_ascii_case("or"));
        Ok(Self { conditions, any })
    }

    /// Whether the record satisfies the conditions: all of them, or any with `or`.
    pub(crate) fn matches(&self, record: &Record) -> bool {
        if self.conditions.is_empty() {
            return true;
        }
        let mut conditions = self.conditions.iter();
        if self.any {
            conditions.any(|condition| condition.matches(record))
        } else {
            conditions.all(|condition| condition.matches(record))
        }
    }
}

fn condition(
    listing: Listing,
    field: &str,
    operator: Operator,
    values: Vec<String>,
) -> Result<Condition, String> {
    if !is_filterable(listing, field) {
        return Err(format!("field '{field}' cannot be filtered"));
    }
    if values.len() > MOST_IN_VALUES {
        return Err(format!(
            "field '{field}': at most {MOST_IN_VALUES} values are allowed"
        ));
    }
    if values
        .iter()
        .any(|value| value.chars().count() > LONGEST_VALUE)
    {
        return Err(format!(
            "field '{field}': a value may have at most {LONGEST_VALUE} characters"
        ));
    }
    let wanted = operator.values_wanted();
    if !wanted.contains(&values.len()) {
        return Err(format!(
            "field '{field}': wrong number of values for this operator"
        ));
    }
    Ok(Condition {
        field: field.to_owned(),
        operator,
        values,
    })
}

/// A JSON value as the text that a query parameter would hold.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
