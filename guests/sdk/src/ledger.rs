//! Writes, through `data:write`. Refused while serving GET or HEAD.
//!
//! After [`CloudError::OutcomeUnknown`] a write may have happened: read before writing again.

use serde::Serialize;
use serde_json::Value;

use crate::Host;
use crate::cloud::parse;
use crate::error::CloudError;

/// Writes to the ledger, each answering what Core answered. From [`Host::ledger`].
#[derive(Debug)]
pub struct Ledger<'host, H: ?Sized>(&'host H);

impl<'host, H: Host + ?Sized> Ledger<'host, H> {
    pub(crate) fn new(host: &'host H) -> Self {
        Self(host)
    }

    /// Creates a ledger.
    pub fn create_ledger(&self, ledger: &impl Serialize) -> Result<Value, CloudError> {
        parse(&self.0.create_ledger(&text(ledger)?)?)
    }

    /// Creates a balance.
    pub fn create_balance(&self, balance: &impl Serialize) -> Result<Value, CloudError> {
        parse(&self.0.create_balance(&text(balance)?)?)
    }

    /// Sets the identity of a balance.
    pub fn link_identity(&self, balance_id: &str, identity_id: &str) -> Result<Value, CloudError> {
        parse(&self.0.link_identity(balance_id, identity_id)?)
    }

    /// Posts a transaction. Without a `reference` the host makes one, so that a retry can't post twice.
    pub fn create_transaction(&self, transaction: &impl Serialize) -> Result<Value, CloudError> {
        parse(&self.0.create_transaction(&text(transaction)?)?)
    }

    /// Commits an inflight transaction.
    pub fn commit_inflight(&self, transaction_id: &str) -> Result<Value, CloudError> {
        parse(&self.0.commit_inflight(transaction_id)?)
    }

    /// Voids an inflight transaction.
    pub fn void_inflight(&self, transaction_id: &str) -> Result<Value, CloudError> {
        parse(&self.0.void_inflight(transaction_id)?)
    }

    /// Posts the reverse of an applied transaction.
    pub fn refund(&self, transaction_id: &str) -> Result<Value, CloudError> {
        parse(&self.0.refund(transaction_id)?)
    }

    /// Creates an identity.
    pub fn create_identity(&self, identity: &impl Serialize) -> Result<Value, CloudError> {
        parse(&self.0.create_identity(&text(identity)?)?)
    }

    /// Changes an identity. Only non-empty fields are written; `meta_data` is refused.
    pub fn update_identity(&self, id: &str, changes: &impl Serialize) -> Result<Value, CloudError> {
        parse(&self.0.update_identity(id, &text(changes)?)?)
    }

    /// Replaces the whole object under one of the package's `metadata_keys`; other keys stay.
    ///
    /// The answer is dropped: Core does not answer alike for every kind of entity.
    pub fn merge_metadata(
        &self,
        entity_id: &str,
        key: &str,
        value: &impl Serialize,
    ) -> Result<(), CloudError> {
        self.0
            .merge_metadata(entity_id, key, &text(value)?)
            .map(drop)
    }

    /// Any other documented write by POST, by the path segments after `/proxy`.
    pub fn post_core(&self, path: &[&str], body: &impl Serialize) -> Result<Value, CloudError> {
        parse(&self.0.post_core(&owned(path), &text(body)?)?)
    }

    /// Any other documented write by PUT, by the path segments after `/proxy`.
    pub fn put_core(&self, path: &[&str], body: &impl Serialize) -> Result<Value, CloudError> {
        parse(&self.0.put_core(&owned(path), &text(body)?)?)
    }
}

fn owned(path: &[&str]) -> Vec<String> {
    path.iter().map(|&segment| segment.to_owned()).collect()
}

/// Writes a value as JSON. Only a type whose `Serialize` fails gives an error, and then nothing is sent.
pub(crate) fn text(value: &impl Serialize) -> Result<String, CloudError> {
    serde_json::to_string(value)
        .map_err(|error| CloudError::InvalidRequest(format!("not writable as JSON: {error}")))
}
