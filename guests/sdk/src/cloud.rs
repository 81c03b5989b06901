//! What reading and writing Cloud have in common: collections, pages, lists, and JSON into types.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::CloudError;

/// The collections that Cloud can list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Collection {
    /// Ledgers.
    Ledgers,
    /// Balances.
    Balances,
    /// Transactions.
    Transactions,
    /// Identities.
    Identities,
    /// Reconciliations.
    Reconciliations,
    /// Matching rules of reconciliations.
    MatchingRules,
    /// Transactions from outside, for reconciliations.
    ExternalTransactions,
    /// A collection that this version of the SDK does not know.
    Other(String),
}

impl Collection {
    /// The collection as the contract writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ledgers => "ledgers",
            Self::Balances => "balances",
            Self::Transactions => "transactions",
            Self::Identities => "identities",
            Self::Reconciliations => "reconciliations",
            Self::MatchingRules => "matching-rules",
            Self::ExternalTransactions => "external-transactions",
            Self::Other(collection) => collection,
        }
    }
}

/// One page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub number: u32,
    /// Items on a page.
    pub size: u32,
}

impl Page {
    /// Page `number` (from 1) of pages of `size` items.
    pub fn new(number: u32, size: u32) -> Self {
        Self { number, size }
    }
}

/// One page of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<T> {
    /// The items of this page.
    pub data: Vec<T>,
    /// How many items there are on all pages, as Cloud counts; where it does not say, those of this page.
    pub total: u64,
}

impl<T: DeserializeOwned> Listing<T> {
    /// Reads `{"data": […], "total": n}`, a bare array, or an answer whose `data` is null.
    pub(crate) fn parse(text: &str) -> Result<Self, CloudError> {
        let (items, total) = match parse(text)? {
            Value::Array(items) => (items, None),
            Value::Object(mut answer) => match answer.remove("data") {
                Some(Value::Array(items)) => (items, answer.get("total").and_then(Value::as_u64)),
                Some(Value::Null) => (Vec::new(), answer.get("total").and_then(Value::as_u64)),
                _ => return Err(unexpected("a list")),
            },
            _ => return Err(unexpected("a list")),
        };
        let total = total.unwrap_or(items.len() as u64);
        let data = items
            .into_iter()
            .map(|item| serde_json::from_value(item).map_err(|_| unexpected("its items")))
            .collect::<Result<_, _>>()?;
        Ok(Self { data, total })
    }
}

/// Reads an answer of Cloud's into a type.
///
/// The text itself stays out of the error, since it may hold personal data.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, CloudError> {
    serde_json::from_str(text).map_err(|_| unexpected("it"))
}

fn unexpected(what: &str) -> CloudError {
    CloudError::Other(format!("Cloud's answer is not understood: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_in_all_its_shapes() {
        let enveloped = Listing::<u8>::parse(r#"{"data":[1,2],"total":15}"#).unwrap();
        assert_eq!((enveloped.data, enveloped.total), (vec![1, 2], 15));
        let bare = Listing::<u8>::parse("[1,2,3]").unwrap();
        assert_eq!((bare.data.len(), bare.total), (3, 3));
        let empty = Listing::<u8>::parse(r#"{"data":null}"#).unwrap();
        assert_eq!((empty.data.len(), empty.total), (0, 0));
    }

    #[test]
    fn an_answer_of_another_shape_is_an_error_that_does_not_quote_it() {
        for text in [
            r#"{"error":"secret"}"#,
            "\"secret\"",
            "secret",
            r#"{"data":"secret"}"#,
        ] {
            let error = Listing::<Value>::parse(text).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
