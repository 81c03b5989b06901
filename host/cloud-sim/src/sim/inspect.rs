//! What a test may look at: nothing here changes anything.

use std::time::Duration;

use serde_json::Value;

use super::CloudSim;
use crate::ledger::Kind;
use crate::lock;
use crate::record::{RequestDetails, RequestRecord};
use crate::state::{Alert, KeyStatus};

impl CloudSim {
    /// Where an install stands: `pending`, `active`, `cancelled` or `uninstalled`.
    pub fn install_status(&self, installed_app_id: &str) -> Option<&'static str> {
        lock(&self.core.state)
            .install(installed_app_id)
            .map(|install| install.status.word())
    }

    /// What the dashboard would show as an app's last problem.
    pub fn last_error(&self, app_id: &str) -> Option<String> {
        lock(&self.core.state).app(app_id)?.last_error.clone()
    }

    /// The last 2,000 requests in both directions, oldest first.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.core.recorder.requests_after(0)
    }

    /// Apps' calls that change something, answered or refused, oldest first.
    pub fn writes(&self) -> Vec<RequestRecord> {
        self.core.recorder.writes()
    }

    /// The unmasked path, headers and bodies of one of the last 2,000 requests.
    pub fn request_details(&self, seq: u64) -> Option<RequestDetails> {
        self.core.recorder.details(seq)
    }

    /// How many answers a gate holds right now.
    pub fn held(&self) -> usize {
        *self.core.held.borrow()
    }

    /// Waits until a gate holds an answer. Answers whether one does.
    pub async fn wait_until_held(&self, at_most: Duration) -> bool {
        let mut held = self.core.held.subscribe();
        let waited = tokio::time::timeout(at_most, held.wait_for(|held| *held > 0)).await;
        waited.is_ok_and(|held| held.is_ok())
    }

    /// One identity of the first instance, raw.
    pub fn identity(&self, id: &str) -> Option<Value> {
        let state = lock(&self.core.state);
        state
            .main_ledger()?
            .table(Kind::Identities)
            .get(id)
            .cloned()
            .map(Value::Object)
    }

    /// Every identity of the first instance, oldest first.
    pub fn identities(&self) -> Vec<Value> {
        self.rows(Kind::Identities)
    }

    /// Every balance of the first instance, oldest first.
    pub fn balances(&self) -> Vec<Value> {
        self.rows(Kind::Balances)
    }

    /// Every transaction of the first instance, oldest first.
    pub fn transactions(&self) -> Vec<Value> {
        self.rows(Kind::Transactions)
    }

    fn rows(&self, kind: Kind) -> Vec<Value> {
        let state = lock(&self.core.state);
        let ledger = state.main_ledger();
        ledger
            .into_iter()
            .flat_map(|ledger| ledger.table(kind).rows())
            .cloned()
            .map(Value::Object)
            .collect()
    }

    /// Every alert, newest first.
    pub fn alerts(&self) -> Vec<Value> {
        lock(&self.core.state)
            .alerts
            .newest_first()
            .map(Alert::to_json)
            .collect()
    }

    /// Whether a key works.
    pub fn key_is_live(&self, api_key: &str) -> bool {
        lock(&self.core.state)
            .keys
            .find(api_key)
            .is_some_and(|key| key.status == KeyStatus::Live)
    }
}
