//! [`Host`] over the ledger and store in memory.

use serde_json::json;

use super::FakeHost;
use crate::error::{CloudError, ConnectionError, JobError, StoreError};
use crate::host::{Answer, Condition, Entry, Host, Install, Level};
use crate::http::{Request, Response};
use crate::{Page, Scope};

/// The host's own limits.
const LONGEST_KEY: usize = 256;
const LARGEST_VALUE: usize = 64 * 1024;

impl Host for FakeHost {
    fn install(&self) -> Install {
        self.install.borrow().clone()
    }
    fn granted(&self, scope: &Scope) -> bool {
        self.install.borrow().granted.contains(scope)
    }
    fn setting(&self, name: &str) -> Option<String> {
        self.settings.borrow().get(name).cloned()
    }
    fn call_id(&self) -> String {
        "call_1".to_owned()
    }
    fn now(&self) -> u64 {
        self.now.get()
    }
    /// Not random: different bytes at each call, the same in each test.
    fn random(&self, length: u32) -> Vec<u8> {
        self.random.set(self.random.get() + 1);
        let seed = self.random.get().to_be_bytes();
        seed.into_iter().cycle().take(length as usize).collect()
    }

    fn data_list(&self, what: &str, filters: &[(String, String)], page: Option<Page>) -> Answer {
        self.cloud(&format!("data.list {what}"), &Scope::DataRead, |ledger| {
            ledger.list(what, filters, page)
        })
    }
    fn data_get(&self, what: &str, id: &str) -> Answer {
        self.cloud(
            &format!("data.get {what} {id}"),
            &Scope::DataRead,
            |ledger| ledger.get(what, id),
        )
    }
    fn data_filter(&self, what: &str, filters: &str, page: Option<Page>) -> Answer {
        self.cloud(
            &format!("data.filter {what} {filters}"),
            &Scope::DataRead,
            |ledger| ledger.filter(what, filters, page),
        )
    }
    fn data_get_core(&self, path: &[String], _query: &[(String, String)]) -> Answer {
        let call = format!("data.get-core {}", path.join("/"));
        self.cloud(&call, &Scope::DataRead, |_| unknown_route())
    }

    fn create_ledger(&self, ledger: &str) -> Answer {
        self.cloud("ledger.create-ledger", &Scope::DataWrite, |fake| {
            fake.create("ledgers", "ledger_id", ledger)
        })
    }
    fn create_balance(&self, balance: &str) -> Answer {
        self.cloud("ledger.create-balance", &Scope::DataWrite, |fake| {
            fake.create("balances", "balance_id", balance)
        })
    }
    fn link_identity(&self, balance_id: &str, identity_id: &str) -> Answer {
        let call = format!("ledger.link-identity {balance_id}");
        let changes = json!({ "identity_id": identity_id }).to_string();
        self.cloud(&call, &Scope::DataWrite, |fake| {
            fake.update(balance_id, &changes)
        })
    }
    fn create_transaction(&self, transaction: &str) -> Answer {
        self.cloud("ledger.create-transaction", &Scope::DataWrite, |fake| {
            fake.create("transactions", "transaction_id", transaction)
        })
    }
    fn commit_inflight(&self, transaction_id: &str) -> Answer {
        let call = format!("ledger.commit-inflight {transaction_id}");
        self.cloud(&call, &Scope::DataWrite, |fake| {
            fake.update(transaction_id, r#"{"status":"APPLIED"}"#)
        })
    }
    fn void_inflight(&self, transaction_id: &str) -> Answer {
        let call = format!("ledger.void-inflight {transaction_id}");
        self.cloud(&call, &Scope::DataWrite, |fake| {
            fake.update(transaction_id, r#"{"status":"VOID"}"#)
        })
    }
    fn refund(&self, transaction_id: &str) -> Answer {
        let call = format!("ledger.refund {transaction_id}");
        let refund = json!({ "parent_transaction": transaction_id }).to_string();
        self.cloud(&call, &Scope::DataWrite, |fake| {
            fake.create("transactions", "transaction_id", &refund)
        })
    }
    fn create_identity(&self, identity: &str) -> Answer {
        self.cloud("ledger.create-identity", &Scope::DataWrite, |fake| {
            fake.create("identities", "identity_id", identity)
        })
    }
    fn update_identity(&self, id: &str, changes: &str) -> Answer {
        let call = format!("ledger.update-identity {id}");
        self.cloud(&call, &Scope::DataWrite, |fake| fake.update(id, changes))
    }
    fn merge_metadata(&self, entity_id: &str, key: &str, value: &str) -> Answer {
        let call = format!("ledger.merge-metadata {entity_id}");
        self.cloud(&call, &Scope::DataWrite, |fake| {
            fake.merge_metadata(entity_id, key, value)
        })
    }
    fn post_core(&self, path: &[String], _body: &str) -> Answer {
        let call = format!("ledger.post-core {}", path.join("/"));
        self.cloud(&call, &Scope::DataWrite, |_| unknown_route())
    }
    fn put_core(&self, path: &[String], _body: &str) -> Answer {
        let call = format!("ledger.put-core {}", path.join("/"));
        self.cloud(&call, &Scope::DataWrite, |_| unknown_route())
    }

    fn alerts_list(&self) -> Answer {
        self.cloud("alerts.list", &Scope::AlertsRead, |fake| {
            Ok(json!({ "data": fake.alerts, "total": fake.alerts.len() }).to_string())
        })
    }
    fn alerts_get(&self, id: &str) -> Answer {
        self.cloud(&format!("alerts.get {id}"), &Scope::AlertsRead, |fake| {
            let alert = fake.alerts.iter().find(|alert| alert["anomaly_id"] == id);
            alert.map(ToString::to_string).ok_or(CloudError::NotFound)
        })
    }
    fn alerts_statuses(&self) -> Answer {
        self.cloud("alerts.statuses", &Scope::AlertsRead, |_| {
            Ok(json!({ "data": [], "allowed_colours": [] }).to_string())
        })
    }
    fn flag(&self, entity_id: &str, title: Option<&str>, description: &str) -> Answer {
        let call = format!("alert-actions.flag {entity_id}");
        self.cloud(&call, &Scope::AlertsWrite, |fake| {
            Ok(fake.flag(entity_id, title, description))
        })
    }
    fn update_alert(&self, id: &str, changes: &str) -> Answer {
        let call = format!("alert-actions.update {id}");
        self.cloud(&call, &Scope::AlertsWrite, |fake| {
            fake.update_alert(id, changes)
        })
    }
    fn create_status(&self, name: &str, colour: &str, key: Option<&str>) -> Answer {
        self.cloud("alert-actions.create-status", &Scope::AlertsWrite, |_| {
            Ok(json!({ "key": key, "name": name, "colour": colour }).to_string())
        })
    }
    fn update_status(&self, key: &str, name: &str, colour: &str) -> Answer {
        let call = format!("alert-actions.update-status {key}");
        self.cloud(&call, &Scope::AlertsWrite, |_| {
            Ok(json!({ "key": key, "name": name, "colour": colour }).to_string())
        })
    }
    fn delete_status(&self, key: &str) -> Result<(), CloudError> {
        let call = format!("alert-actions.delete-status {key}");
        self.cloud(&call, &Scope::AlertsWrite, |_| Ok(()))
    }

    fn store_get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        self.stored_call(&format!("store.get {key}"), |store| {
            check_key(key)?;
            Ok(store.get(key).cloned())
        })
    }
    fn store_set(&self, key: &str, value: &[u8], condition: Condition) -> Result<u64, StoreError> {
        self.stored_call(&format!("store.set {key}"), |store| {
            check_key(key)?;
            if value.len() > LARGEST_VALUE {
                return Err(StoreError::TooLarge);
            }
            check(store.get(key), condition)?;
            // One counter for all keys: a key that was deleted does not come back under a version that someone has seen.
            let version = self.versions.get() + 1;
            self.versions.set(version);
            let value = value.to_vec();
            store.insert(key.to_owned(), Entry { value, version });
            Ok(version)
        })
    }
    fn store_delete(&self, key: &str, condition: Condition) -> Result<(), StoreError> {
        self.stored_call(&format!("store.delete {key}"), |store| {
            check_key(key)?;
            check(store.get(key), condition)?;
            store.remove(key);
            Ok(())
        })
    }
    fn store_scan(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(String, Entry)>, StoreError> {
        self.stored_call(&format!("store.scan {prefix}"), |store| {
            Ok(store
                .iter()
                .filter(|(key, _)| key.starts_with(prefix))
                .filter(|(key, _)| after.is_none_or(|after| key.as_str() > after))
                .take(limit as usize)
                .map(|(key, entry)| (key.clone(), entry.clone()))
                .collect())
        })
    }
    fn store_keys(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let entries = self.store_scan(prefix, after, limit)?;
        Ok(entries.into_iter().map(|(key, _)| key).collect())
    }

    fn connection_send(&self, name: &str, _request: Request) -> Result<Response, ConnectionError> {
        self.note(&format!("connections.send {name}"), || {
            Err(ConnectionError::NotConnected)
        })
    }
    fn connection_callback_url(&self, name: &str) -> Result<String, ConnectionError> {
        self.note(&format!("connections.callback-url {name}"), || {
            Err(ConnectionError::NotConnected)
        })
    }
    fn connection_expect(&self, name: &str, _correlation: &str) -> Result<(), ConnectionError> {
        self.note(&format!("connections.expect {name}"), || {
            Err(ConnectionError::NotConnected)
        })
    }

    fn job_schedule(
        &self,
        name: &str,
        key: &str,
        _payload: &[u8],
        _delay_seconds: u32,
    ) -> Result<(), JobError> {
        self.note(&format!("jobs.schedule {name} {key}"), || {
            Err(JobError::UnknownJob)
        })
    }
    fn job_cancel(&self, name: &str, key: &str) -> Result<bool, JobError> {
        self.note(&format!("jobs.cancel {name} {key}"), || {
            Err(JobError::UnknownJob)
        })
    }

    fn log_write(&self, _level: Level, _message: &str, _fields: &[(String, String)]) {}
}

fn unknown_route() -> Answer {
    Err(CloudError::InvalidRequest(
        "the host for tests has no such route".to_owned(),
    ))
}

fn check_key(key: &str) -> Result<(), StoreError> {
    if key.is_empty() || key.len() > LONGEST_KEY || key.contains('\0') {
        return Err(StoreError::InvalidKey);
    }
    Ok(())
}

fn check(stored: Option<&Entry>, condition: Condition) -> Result<(), StoreError> {
    let version = stored.map(|entry| entry.version);
    let holds = match condition {
        Condition::Always => true,
        Condition::Absent => version.is_none(),
        Condition::Version(wanted) => version == Some(wanted),
    };
    if holds {
        Ok(())
    } else {
        Err(StoreError::Conflict(version))
    }
}
