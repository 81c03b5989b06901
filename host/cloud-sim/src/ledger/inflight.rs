//! Settling what was set aside, and giving back what was applied.

use jiff::Timestamp;
use serde_json::json;

use super::balances::Movement;
use super::{Ledger, LedgerError, Posting, Record, integer, text};
use crate::ids::Ids;

/// What happens to an inflight transaction.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settlement {
    /// It becomes actual; `None` commits all that is left, `Some` that many minor units.
    Commit(Option<i128>),
    /// It is given back.
    Void,
}

impl Ledger {
    /// Commits or voids an inflight transaction, also by the id of the queued one it came from.
    /// Answers the transaction that records it.
    pub(crate) fn settle(
        &mut self,
        ids: &mut Ids,
        now: Timestamp,
        id: &str,
        settlement: Settlement,
    ) -> Result<Record, LedgerError> {
        let inflight = self.find_inflight(id)?;
        let inflight_id = text(&inflight, "transaction_id").to_owned();
        let left = integer(&inflight, "precise_amount") - self.settled_amount(&inflight_id)?;
        if left <= 0 {
            return Err(LedgerError::Settled(format!(
                "transaction {inflight_id} has already been committed"
            )));
        }
        let mut child = Posting::of_record(&inflight);
        let (movement, amount, word) = match settlement {
            Settlement::Commit(amount) => (Movement::Commit, amount.unwrap_or(left), "commit"),
            Settlement::Void => (Movement::Release, left, "void"),
        };
        if amount <= 0 || amount > left {
            return Err(LedgerError::Invalid(format!(
                "cannot settle {amount}: {left} is left of this transaction"
            )));
        }
        child.precise_amount = amount;
        child.inflight = false;
        child.reference = format!("{}_{word}_{}", child.reference, ids.next(""));
        child.parent_transaction = inflight_id;
        self.apply(ids, now, &child, Some(movement))
    }

    /// Reverses an applied transaction. Answers the transaction that records it.
    pub(crate) fn refund(
        &mut self,
        ids: &mut Ids,
        now: Timestamp,
        id: &str,
    ) -> Result<Record, LedgerError> {
        let original = self.find_transaction(id)?;
        // A queued or committed transaction is refunded through the child that was applied.
        let original = match text(&original, "status") {
            "APPLIED" => original,
            _ => self.child_in_status(id, "APPLIED").unwrap_or(original),
        };
        if text(&original, "status") != "APPLIED" {
            return Err(LedgerError::Invalid(format!(
                "a transaction in status {} cannot be refunded",
                text(&original, "status")
            )));
        }
        let mut refund = Posting::of_record(&original);
        refund.reference = format!("{}_refund", refund.reference);
        if self
            .transactions
            .rows()
            .iter()
            .any(|row| text(row, "reference") == refund.reference)
        {
            return Err(LedgerError::Settled(format!(
                "transaction {id} has already been refunded"
            )));
        }
        std::mem::swap(&mut refund.source, &mut refund.destination);
        refund.allow_overdraft = true;
        refund.inflight = false;
        text(&original, "transaction_id").clone_into(&mut refund.parent_transaction);
        if let Some(meta_data) = refund.meta_data.as_object_mut() {
            meta_data.insert("refunded_transaction_id".to_owned(), json!(id));
        }
        self.apply(ids, now, &refund, None)
    }

    fn find_transaction(&self, id: &str) -> Result<Record, LedgerError> {
        self.transactions
            .get(id)
            .cloned()
            .ok_or_else(|| LedgerError::TransactionNotFound(id.to_owned()))
    }

    fn find_inflight(&self, id: &str) -> Result<Record, LedgerError> {
        let transaction = self.find_transaction(id)?;
        if text(&transaction, "status") == "INFLIGHT" {
            return Ok(transaction);
        }
        self.child_in_status(id, "INFLIGHT").ok_or_else(|| {
            LedgerError::Invalid(format!("transaction {id} is not in inflight status"))
        })
    }

    fn child_in_status(&self, parent: &str, status: &str) -> Option<Record> {
        let mut rows = self.transactions.rows().iter();
        rows.find(|row| text(row, "parent_transaction") == parent && text(row, "status") == status)
            .cloned()
    }

    /// How much of an inflight transaction was committed before; a void ends it.
    fn settled_amount(&self, inflight_id: &str) -> Result<i128, LedgerError> {
        let mut settled = 0;
        let rows = self.transactions.rows().iter();
        for child in rows.filter(|row| text(row, "parent_transaction") == inflight_id) {
            match text(child, "status") {
                "VOID" => {
                    return Err(LedgerError::Settled(format!(
                        "transaction {inflight_id} has already been voided"
                    )));
                }
                "APPLIED" => settled += integer(child, "precise_amount"),
                _ => {}
            }
        }
        Ok(settled)
    }
}
