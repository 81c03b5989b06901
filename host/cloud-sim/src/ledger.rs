//! One instance's ledger: tables of raw Core objects, and what moves money between balances.

mod balances;
mod inflight;
mod posting;
mod table;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(crate) use balances::{AMOUNTS, NewBalance};
pub(crate) use inflight::Settlement;
pub(crate) use posting::Posting;
pub(crate) use table::{Kind, Table, integer, text};

use crate::ids::Ids;

/// A raw Core object.
pub(crate) type Record = Map<String, Value>;

/// How Core prints a time that is not set.
pub(crate) const ZERO_TIME: &str = "0001-01-01T00:00:00Z";
/// The ledger that Core makes for internal balances.
pub(crate) const GENERAL_LEDGER: &str = "general_ledger_id";

/// The string fields of an identity, beside its own identifier.
pub(crate) const IDENTITY_TEXTS: [&str; 15] = [
    "identity_type",
    "organization_name",
    "category",
    "first_name",
    "last_name",
    "other_names",
    "gender",
    "email_address",
    "phone_number",
    "nationality",
    "street",
    "country",
    "state",
    "post_code",
    "city",
];

/// Why the ledger refused something.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LedgerError {
    BalanceNotFound(String),
    TransactionNotFound(String),
    InsufficientFunds,
    DuplicateReference(String),
    /// The transaction cannot be what the caller takes it for; the sentence says why.
    Invalid(String),
    /// The transaction was settled or refunded before.
    Settled(String),
}

/// A queued transaction and when it is to be applied.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Queued {
    due: Timestamp,
    transaction_id: String,
}

/// Everything of one instance.
#[derive(Clone, Serialize, Deserialize, Default)]
pub(crate) struct Ledger {
    pub(crate) ledgers: Table,
    pub(crate) balances: Table,
    pub(crate) transactions: Table,
    pub(crate) identities: Table,
    /// What tokens stand for: identity id and field name, to the plain value.
    pub(crate) tokenized: BTreeMap<String, String>,
    queue: Vec<Queued>,
}

impl Ledger {
    pub(crate) fn table(&self, kind: Kind) -> &Table {
        match kind {
            Kind::Ledgers => &self.ledgers,
            Kind::Balances => &self.balances,
            Kind::Transactions => &self.transactions,
            Kind::Identities => &self.identities,
        }
    }

    pub(crate) fn table_mut(&mut self, kind: Kind) -> &mut Table {
        match kind {
            Kind::Ledgers => &mut self.ledgers,
            Kind::Balances => &mut self.balances,
            Kind::Transactions => &mut self.transactions,
            Kind::Identities => &mut self.identities,
        }
    }

    /// Builds the indexes that are not stored.
    pub(crate) fn index(&mut self) {
        for kind in [
            Kind::Ledgers,
            Kind::Balances,
            Kind::Transactions,
            Kind::Identities,
        ] {
            self.table_mut(kind).index(kind.id_field());
        }
    }

    /// Merges metadata, top-level keys only: each is replaced or added, nothing is removed.
    /// Answers the whole merged metadata, or `None` when there is no such record.
    pub(crate) fn merge_metadata(&mut self, kind: Kind, id: &str, sent: &Record) -> Option<Value> {
        let record = self.table_mut(kind).get_mut(id)?;
        let merged = merge_into(record, sent);
        if kind == Kind::Transactions {
            for child in self.transactions.rows_mut() {
                if text(child, "parent_transaction") == id {
                    merge_into(child, sent);
                }
            }
        }
        Some(merged)
    }

    /// Applies every queued transaction whose time has come. Answers whether there was one.
    pub(crate) fn run_queue(&mut self, ids: &mut Ids, now: Timestamp) -> bool {
        let (due, later) = std::mem::take(&mut self.queue)
            .into_iter()
            .partition(|queued| queued.due <= now);
        self.queue = later;
        let due: Vec<Queued> = due;
        for queued in &due {
            self.apply_queued(ids, now, &queued.transaction_id);
        }
        !due.is_empty()
    }
}

fn merge_into(record: &mut Record, sent: &Record) -> Value {
    let slot = record.entry("meta_data").or_insert(Value::Null);
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    if let Value::Object(stored) = slot {
        stored.extend(sent.clone());
    }
    slot.clone()
}
