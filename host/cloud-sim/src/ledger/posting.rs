//! Transactions: reading what a caller posts, queueing it, applying it.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::balances::{Movement, number};
use super::{Ledger, LedgerError, Queued, Record, ZERO_TIME, text};
use crate::ids::{Ids, transaction_hash};

/// A transaction as it was asked for, checked.
#[derive(Clone)]
pub(crate) struct Posting {
    /// In minor units.
    pub(crate) precise_amount: i128,
    /// Minor units in one unit.
    pub(crate) precision: i64,
    pub(crate) currency: String,
    pub(crate) reference: String,
    pub(crate) source: String,
    pub(crate) destination: String,
    pub(crate) description: String,
    pub(crate) allow_overdraft: bool,
    pub(crate) inflight: bool,
    pub(crate) skip_queue: bool,
    pub(crate) scheduled_for: Option<Timestamp>,
    pub(crate) parent_transaction: String,
    pub(crate) meta_data: Value,
}

impl Posting {
    /// The object that Core answers with, in the given status.
    pub(crate) fn to_record(&self, id: &str, status: &str, now: Timestamp) -> Record {
        #[expect(
            clippy::cast_precision_loss,
            reason = "`amount` is Core's lossy view of `precise_amount`"
        )]
        let amount = self.precise_amount as f64 / self.precision as f64;
        let mut record = Map::new();
        let mut put = |field: &str, value: Value| record.insert(field.to_owned(), value);
        put("transaction_id", json!(id));
        put("amount", json!(amount));
        put("precise_amount", number(self.precise_amount));
        put("precision", json!(self.precision));
        put("currency", json!(self.currency));
        put("reference", json!(self.reference));
        put("source", json!(self.source));
        put("destination", json!(self.destination));
        put("description", json!(self.description));
        put("allow_overdraft", json!(self.allow_overdraft));
        put("inflight", json!(self.inflight));
        put("skip_queue", json!(self.skip_queue));
        put("atomic", json!(false));
        put("overdraft_limit", json!(0));
        put("parent_transaction", json!(self.parent_transaction));
        put("status", json!(status));
        put("hash", json!(transaction_hash(id)));
        put("created_at", json!(now.to_string()));
        let scheduled_for = self
            .scheduled_for
            .map_or_else(|| ZERO_TIME.to_owned(), |at| at.to_string());
        put("scheduled_for", json!(scheduled_for));
        put("inflight_expiry_date", json!(ZERO_TIME));
        put("inflight_commit_date", json!(ZERO_TIME));
        put("meta_data", self.meta_data.clone());
        record
    }

    /// The posting that a stored transaction was made from.
    pub(super) fn of_record(record: &Record) -> Self {
        let flag = |field: &str| {
            record
                .get(field)
                .and_then(Value::as_bool)
                .unwrap_or_default()
        };
        Self {
            precise_amount: super::integer(record, "precise_amount"),
            precision: record
                .get("precision")
                .and_then(Value::as_i64)
                .unwrap_or(100),
            currency: text(record, "currency").to_owned(),
            reference: text(record, "reference").to_owned(),
            source: text(record, "source").to_owned(),
            destination: text(record, "destination").to_owned(),
            description: text(record, "description").to_owned(),
            allow_overdraft: flag("allow_overdraft"),
            inflight: flag("inflight"),
            skip_queue: flag("skip_queue"),
            scheduled_for: None,
            parent_transaction: text(record, "parent_transaction").to_owned(),
            meta_data: record.get("meta_data").cloned().unwrap_or_default(),
        }
    }
}

impl Ledger {
    /// Posts a transaction: at once, or queued for `queue_delay` when one is given. Answers the
    /// transaction as stored.
    pub(crate) fn post(
        &mut self,
        ids: &mut Ids,
        now: Timestamp,
        posting: &Posting,
        queue_delay: Option<SignedDuration>,
    ) -> Result<Record, LedgerError> {
        self.check_reference(&posting.reference)?;
        let scheduled = posting.scheduled_for.filter(|at| *at > now);
        let due = match (scheduled, queue_delay) {
            (Some(at), _) => Some(at),
            (None, Some(delay)) => Some(now.saturating_add(delay).unwrap_or(now)),
            (None, None) => None,
        };
        let Some(due) = due else {
            return self.apply(ids, now, posting, None);
        };
        let id = ids.next("txn_");
        let status = if scheduled.is_some() {
            "SCHEDULED"
        } else {
            "QUEUED"
        };
        let record = posting.to_record(&id, status, now);
        self.transactions.push(id.clone(), record.clone());
        self.queue.push(Queued {
            due,
            transaction_id: id,
        });
        Ok(record)
    }

    /// What posting would answer, without doing it.
    pub(crate) fn preview(
        &self,
        ids: &mut Ids,
        now: Timestamp,
        posting: &Posting,
    ) -> Result<Record, LedgerError> {
        let mut trial = self.clone();
        trial.post(ids, now, posting, None)
    }

    fn check_reference(&self, reference: &str) -> Result<(), LedgerError> {
        let used = self
            .transactions
            .rows()
            .iter()
            .any(|row| text(row, "reference") == reference);
        if used {
            Err(LedgerError::DuplicateReference(reference.to_owned()))
        } else {
            Ok(())
        }
    }

    /// Moves the money and stores the transaction.
    pub(super) fn apply(
        &mut self,
        ids: &mut Ids,
        now: Timestamp,
        posting: &Posting,
        movement: Option<Movement>,
    ) -> Result<Record, LedgerError> {
        let source = self.resolve(ids, now, &posting.source, &posting.currency)?;
        let destination = self.resolve(ids, now, &posting.destination, &posting.currency)?;
        if source == destination {
            return Err(LedgerError::Invalid(
                "source and destination are the same balance".to_owned(),
            ));
        }
        let (movement, status) = match movement {
            Some(Movement::Release) => (Movement::Release, "VOID"),
            Some(movement) => (movement, "APPLIED"),
            None if posting.inflight => (Movement::Reserve, "INFLIGHT"),
            None => (Movement::Actual, "APPLIED"),
        };
        let takes_more = matches!(movement, Movement::Actual | Movement::Reserve);
        if takes_more
            && !posting.allow_overdraft
            && self.available(&source) < posting.precise_amount
        {
            return Err(LedgerError::InsufficientFunds);
        }
        self.move_amount(&source, &destination, posting.precise_amount, movement);
        let id = ids.next("txn_");
        let record = posting.to_record(&id, status, now);
        self.transactions.push(id, record.clone());
        Ok(record)
    }

    /// Gives a queued transaction its outcome: a child that carries the parent in its metadata.
    /// The parent itself keeps its status.
    pub(super) fn apply_queued(&mut self, ids: &mut Ids, now: Timestamp, id: &str) {
        let Some(parent) = self.transactions.get(id) else {
            return;
        };
        let mut child = Posting::of_record(parent);
        id.clone_into(&mut child.parent_transaction);
        child.reference.push_str("_q");
        let mut meta_data = child.meta_data.as_object().cloned().unwrap_or_default();
        meta_data.insert("QUEUED_PARENT_TRANSACTION".to_owned(), json!(id));
        child.meta_data = Value::Object(meta_data);
        if let Err(error) = self.apply(ids, now, &child, None) {
            if let Value::Object(meta_data) = &mut child.meta_data {
                meta_data.insert("blnk_rejection_reason".to_owned(), json!(rejection(&error)));
            }
            let rejected = ids.next("txn_");
            let record = child.to_record(&rejected, "REJECTED", now);
            self.transactions.push(rejected, record);
        }
    }
}

fn rejection(error: &LedgerError) -> String {
    match error {
        LedgerError::InsufficientFunds => "insufficient funds in source balance".to_owned(),
        LedgerError::BalanceNotFound(id) => format!("balance {id} not found"),
        LedgerError::Invalid(reason) | LedgerError::Settled(reason) => reason.clone(),
        LedgerError::DuplicateReference(reference) => {
            format!("reference {reference} has already been used")
        }
        LedgerError::TransactionNotFound(id) => format!("transaction {id} not found"),
    }
}
