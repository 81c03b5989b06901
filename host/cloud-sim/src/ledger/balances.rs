//! Balances: making them, moving amounts between them, and their past.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{GENERAL_LEDGER, Ledger, LedgerError, Record, ZERO_TIME, integer, text};
use crate::ids::Ids;

/// What a new balance is made of.
pub(crate) struct NewBalance {
    pub(crate) ledger_id: String,
    pub(crate) identity_id: String,
    pub(crate) currency: String,
    /// The `@Name` of an internal balance.
    pub(crate) indicator: Option<String>,
    pub(crate) meta_data: Value,
}

/// How an amount moves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Movement {
    /// At once.
    Actual,
    /// Set aside until it is committed or voided.
    Reserve,
    /// What was set aside becomes actual.
    Commit,
    /// What was set aside is given back.
    Release,
}

impl Ledger {
    /// Makes a balance and answers it.
    pub(crate) fn create_balance(
        &mut self,
        ids: &mut Ids,
        now: Timestamp,
        new: NewBalance,
    ) -> Record {
        let id = ids.next("bln_");
        let mut record = Map::new();
        for amount in AMOUNTS {
            record.insert(amount.to_owned(), json!(0));
        }
        record.insert("version".to_owned(), json!(0));
        record.insert("balance_id".to_owned(), json!(id));
        record.insert("ledger_id".to_owned(), json!(new.ledger_id));
        record.insert("identity_id".to_owned(), json!(new.identity_id));
        record.insert("currency".to_owned(), json!(new.currency));
        record.insert("created_at".to_owned(), json!(now.to_string()));
        record.insert("inflight_expires_at".to_owned(), json!(ZERO_TIME));
        record.insert("track_fund_lineage".to_owned(), json!(false));
        record.insert("meta_data".to_owned(), new.meta_data);
        if let Some(indicator) = new.indicator {
            record.insert("indicator".to_owned(), json!(indicator));
        }
        self.balances.push(id, record.clone());
        record
    }

    /// The balance that a transaction names: an identifier, or `@Name` for an internal balance,
    /// which comes into being when it is first used.
    pub(super) fn resolve(
        &mut self,
        ids: &mut Ids,
        now: Timestamp,
        name: &str,
        currency: &str,
    ) -> Result<String, LedgerError> {
        if !name.starts_with('@') {
            let balance = self.balances.get(name);
            let balance = balance.ok_or_else(|| LedgerError::BalanceNotFound(name.to_owned()))?;
            if text(balance, "currency") != currency {
                return Err(LedgerError::Invalid(format!(
                    "transaction currency {currency} does not match the currency of balance {name}"
                )));
            }
            return Ok(name.to_owned());
        }
        let known = self
            .balances
            .rows()
            .iter()
            .find(|row| text(row, "indicator") == name && text(row, "currency") == currency);
        if let Some(balance) = known {
            return Ok(text(balance, "balance_id").to_owned());
        }
        let balance = self.create_balance(
            ids,
            now,
            NewBalance {
                ledger_id: GENERAL_LEDGER.to_owned(),
                identity_id: String::new(),
                currency: currency.to_owned(),
                indicator: Some(name.to_owned()),
                meta_data: Value::Null,
            },
        );
        Ok(text(&balance, "balance_id").to_owned())
    }

    /// Moves `amount` minor units from one balance to another.
    pub(super) fn move_amount(
        &mut self,
        source: &str,
        destination: &str,
        amount: i128,
        movement: Movement,
    ) {
        for (id, side) in [(source, "debit"), (destination, "credit")] {
            let Some(balance) = self.balances.get_mut(id) else {
                continue;
            };
            let inflight = format!("inflight_{side}_balance");
            let actual = format!("{side}_balance");
            match movement {
                Movement::Actual => add(balance, &actual, amount),
                Movement::Reserve => add(balance, &inflight, amount),
                Movement::Commit => {
                    add(balance, &inflight, -amount);
                    add(balance, &actual, amount);
                }
                Movement::Release => add(balance, &inflight, -amount),
            }
            let actual = integer(balance, "credit_balance") - integer(balance, "debit_balance");
            let set_aside = integer(balance, "inflight_credit_balance")
                - integer(balance, "inflight_debit_balance");
            balance.insert("balance".to_owned(), number(actual));
            balance.insert("inflight_balance".to_owned(), number(set_aside));
            add(balance, "version", 1);
        }
    }

    /// What a balance can still give: its actual amount less what is set aside.
    pub(super) fn available(&self, id: &str) -> i128 {
        self.balances.get(id).map_or(0, |balance| {
            integer(balance, "balance") - integer(balance, "inflight_debit_balance")
        })
    }

    /// The balance as it was at a moment, from the transactions applied until then.
    pub(crate) fn balance_at(&self, id: &str, moment: Timestamp) -> Option<Record> {
        let balance = self.balances.get(id)?;
        let (mut credit, mut debit) = (0, 0);
        for transaction in self.transactions.rows() {
            let created = text(transaction, "created_at").parse::<Timestamp>();
            if text(transaction, "status") != "APPLIED"
                || created.is_ok_and(|created| created > moment)
            {
                continue;
            }
            let amount = integer(transaction, "precise_amount");
            if is_named(balance, text(transaction, "source")) {
                debit += amount;
            }
            if is_named(balance, text(transaction, "destination")) {
                credit += amount;
            }
        }
        let mut past = Map::new();
        for field in ["balance_id", "ledger_id", "currency"] {
            past.insert(
                field.to_owned(),
                balance.get(field).cloned().unwrap_or_default(),
            );
        }
        past.insert("credit_balance".to_owned(), number(credit));
        past.insert("debit_balance".to_owned(), number(debit));
        past.insert("balance".to_owned(), number(credit - debit));
        Some(past)
    }
}

/// Whether a transaction's source or destination means this balance.
fn is_named(balance: &Record, name: &str) -> bool {
    name == text(balance, "balance_id") || (!name.is_empty() && name == text(balance, "indicator"))
}

/// The amount fields of a balance.
pub(crate) const AMOUNTS: [&str; 6] = [
    "balance",
    "inflight_balance",
    "credit_balance",
    "inflight_credit_balance",
    "debit_balance",
    "inflight_debit_balance",
];

fn add(balance: &mut Record, field: &str, amount: i128) {
    let sum = integer(balance, field).saturating_add(amount);
    balance.insert(field.to_owned(), number(sum));
}

/// A JSON integer, held to 64 bits: larger amounts than that are not simulated.
pub(super) fn number(value: i128) -> Value {
    let limit = if value < 0 { i64::MIN } else { i64::MAX };
    json!(i64::try_from(value).unwrap_or(limit))
}
