//! The work of this probe and of its peer: some transactions in, their sums out. The peer includes this very file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What is asked.
#[derive(Debug, Deserialize)]
pub(crate) struct Batch {
    transactions: Vec<Transaction>,
}

#[derive(Debug, Deserialize)]
struct Transaction {
    reference: String,
    currency: String,
    /// In the smallest unit of the currency.
    amount: u64,
}

/// What is answered.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Totals {
    count: usize,
    largest: Option<String>,
    sums: BTreeMap<String, u64>,
}

impl Totals {
    /// Sums a batch by currency.
    pub(crate) fn of(batch: Batch) -> Self {
        let count = batch.transactions.len();
        let (mut sums, mut largest) = (BTreeMap::new(), None);
        let mut most = 0;
        for transaction in batch.transactions {
            let sum: &mut u64 = sums.entry(transaction.currency).or_default();
            *sum = sum.saturating_add(transaction.amount);
            if transaction.amount > most {
                most = transaction.amount;
                largest = Some(transaction.reference);
            }
        }
        Self {
            count,
            largest,
            sums,
        }
    }
}
