//! A table of raw objects in the order in which they were made, and how to read their fields.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Record;

/// The four kinds of records that Core keeps for apps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ledgers,
    Balances,
    Transactions,
    Identities,
}

impl Kind {
    /// The collection's name in addresses.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ledgers => "ledgers",
            Self::Balances => "balances",
            Self::Transactions => "transactions",
            Self::Identities => "identities",
        }
    }

    /// The kind whose collection has this name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        [
            Self::Ledgers,
            Self::Balances,
            Self::Transactions,
            Self::Identities,
        ]
        .into_iter()
        .find(|kind| kind.name() == name)
    }

    /// The kind that an identifier belongs to, by its prefix.
    pub(crate) fn of_id(id: &str) -> Option<Self> {
        match id.split_once('_')?.0 {
            // The built-in ledger, `general_ledger_id`, is the one identifier without this prefix.
            "ldg" | "general" => Some(Self::Ledgers),
            "bln" => Some(Self::Balances),
            "txn" => Some(Self::Transactions),
            "idt" => Some(Self::Identities),
            _ => None,
        }
    }

    /// The field that holds a record's own identifier.
    pub(crate) fn id_field(self) -> &'static str {
        match self {
            Self::Ledgers => "ledger_id",
            Self::Balances => "balance_id",
            Self::Transactions => "transaction_id",
            Self::Identities => "identity_id",
        }
    }
}

/// Records in the order in which they were made, with an index by identifier.
#[derive(Clone, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub(crate) struct Table {
    rows: Vec<Record>,
    #[serde(skip)]
    positions: HashMap<String, usize>,
}

impl Table {
    /// Adds a record under its identifier. The caller has made sure that it is new.
    pub(crate) fn push(&mut self, id: String, record: Record) {
        self.positions.insert(id, self.rows.len());
        self.rows.push(record);
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Record> {
        self.rows.get(*self.positions.get(id)?)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Record> {
        self.rows.get_mut(*self.positions.get(id)?)
    }

    /// Newest first: the order of every list.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &Record> {
        self.rows.iter().rev()
    }

    pub(crate) fn rows(&self) -> &[Record] {
        &self.rows
    }

    pub(crate) fn rows_mut(&mut self) -> &mut [Record] {
        &mut self.rows
    }

    /// Rebuilds the index after loading.
    pub(super) fn index(&mut self, id_field: &str) {
        self.positions = self
            .rows
            .iter()
            .enumerate()
            .map(|(at, row)| (text(row, id_field).to_owned(), at))
            .collect();
    }
}

/// A string field; empty when missing.
pub(crate) fn text<'a>(record: &'a Record, field: &str) -> &'a str {
    record
        .get(field)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// A whole-number field; zero when missing.
pub(crate) fn integer(record: &Record, field: &str) -> i128 {
    match record.get(field) {
        Some(Value::Number(number)) => number
            .as_i64()
            .map(i128::from)
            .or_else(|| number.as_u64().map(i128::from))
            .unwrap_or_default(),
        _ => 0,
    }
}
