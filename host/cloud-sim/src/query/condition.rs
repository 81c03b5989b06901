//! One condition of a filter and whether a record satisfies it.

use std::cmp::Ordering;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::like::is_like;
use super::value::{compare, same};
use crate::ledger::{Record, text};

/// What a condition asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Eq,
    Ne,
    Gt,
    Gte,
    Lt,
    Lte,
    In,
    Between,
    Like,
    Ilike,
    IsNull,
    IsNotNull,
    /// The metadata key is there. Only in request bodies.
    Exists,
    /// The metadata key is not there. Only in request bodies.
    NotExists,
}

impl Operator {
    /// The operator of a query parameter's suffix.
    pub(super) fn of_suffix(suffix: &str) -> Option<Self> {
        Self::of_word(suffix).filter(|operator| !matches!(operator, Self::Exists | Self::NotExists))
    }

    /// The operator with this name in a request body.
    pub(super) fn of_word(word: &str) -> Option<Self> {
        Some(match word {
            "eq" => Self::Eq,
            "ne" => Self::Ne,
            "gt" => Self::Gt,
            "gte" => Self::Gte,
            "lt" => Self::Lt,
            "lte" => Self::Lte,
            "in" => Self::In,
            "between" => Self::Between,
            "like" => Self::Like,
            "ilike" => Self::Ilike,
            "isnull" => Self::IsNull,
            "isnotnull" => Self::IsNotNull,
            "exists" => Self::Exists,
            "notexists" => Self::NotExists,
            _ => return None,
        })
    }

    /// How many values the operator takes.
    pub(super) fn values_wanted(self) -> RangeInclusive<usize> {
        match self {
            Self::In => 1..=usize::MAX,
            Self::Between => 2..=2,
            // These need none; one that was sent is ignored.
            Self::IsNull | Self::IsNotNull | Self::Exists | Self::NotExists => 0..=1,
            _ => 1..=1,
        }
    }
}

/// A field, an operator and its values.
#[derive(Debug, PartialEq)]
pub(crate) struct Condition {
    pub(super) field: String,
    pub(super) operator: Operator,
    pub(super) values: Vec<String>,
}

impl Condition {
    /// Whether the record satisfies the condition. As in SQL, nothing compares with null.
    pub(super) fn matches(&self, record: &Record) -> bool {
        // A transaction belongs to a balance on either side.
        if self.field == "balance_id" && record.contains_key("transaction_id") {
            let sides = [text(record, "source"), text(record, "destination")];
            let mut sides = sides.into_iter().map(|side| Value::String(side.to_owned()));
            return if self.operator == Operator::Ne {
                sides.all(|side| self.holds_for(Some(&side)))
            } else {
                sides.any(|side| self.holds_for(Some(&side)))
            };
        }
        self.holds_for(find(record, &self.field))
    }

    fn holds_for(&self, stored: Option<&Value>) -> bool {
        match self.operator {
            Operator::Exists => return stored.is_some(),
            Operator::NotExists => return stored.is_none(),
            _ => {}
        }
        let Some(stored) = stored.filter(|stored| !stored.is_null()) else {
            return self.operator == Operator::IsNull;
        };
        let first = self.values.first().map(String::as_str).unwrap_or_default();
        let second = self.values.get(1).map(String::as_str).unwrap_or_default();
        match self.operator {
            Operator::Eq => same(stored, first),
            Operator::Ne => !same(stored, first),
            Operator::Gt => compare(stored, first) == Some(Ordering::Greater),
            Operator::Gte => compare(stored, first).is_some_and(Ordering::is_ge),
            Operator::Lt => compare(stored, first) == Some(Ordering::Less),
            Operator::Lte => compare(stored, first).is_some_and(Ordering::is_le),
            Operator::In => self.values.iter().any(|value| same(stored, value)),
            Operator::Between => {
                compare(stored, first).is_some_and(Ordering::is_ge)
                    && compare(stored, second).is_some_and(Ordering::is_le)
            }
            Operator::Like => stored.as_str().is_some_and(|text| is_like(text, first)),
            Operator::Ilike => stored
                .as_str()
                .is_some_and(|text| is_like(&text.to_lowercase(), &first.to_lowercase())),
            Operator::IsNotNull => true,
            Operator::IsNull | Operator::Exists | Operator::NotExists => false,
        }
    }
}

/// The value of a field, or of a dotted path below `meta_data`.
fn find<'a>(record: &'a Record, field: &str) -> Option<&'a Value> {
    let Some(path) = field.strip_prefix("meta_data.") else {
        return record.get(field);
    };
    path.split('.')
        .try_fold(record.get("meta_data")?, |value, key| value.get(key))
}
