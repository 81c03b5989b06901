//! The host as an app sees it: one trait, so that an app's logic runs against the real host and against a test's.

use crate::error::{CloudError, ConnectionError, JobError, StoreError};
use crate::http::{Request, Response};
use crate::{Alerts, Connections, Data, Jobs, Ledger, Log, Page, Scope, Settings, Store};

/// Everything that the contract lets an app import, in its plain form. Apps call the typed wrappers at the end of the trait;
/// implementors give the plain functions.
///
/// Use it as `&impl Host`, never as `&dyn Host`: with a concrete type the linker sees which functions an app calls, and the
/// component imports those alone.
pub trait Host {
    /// The install being served.
    fn install(&self) -> Install;
    /// Whether the user granted this scope and the package asks for it.
    fn granted(&self, scope: &Scope) -> bool;
    /// A value of the app's `[settings]`.
    fn setting(&self, name: &str) -> Option<String>;
    /// Identifies this call in the host's records.
    fn call_id(&self) -> String;
    /// Milliseconds since the Unix epoch, the same all through one call.
    fn now(&self) -> u64;
    /// Bytes from the operating system. More than 1,024 end the call.
    fn random(&self, length: u32) -> Vec<u8>;

    /// `data.list`.
    fn data_list(&self, what: &str, filters: &[(String, String)], page: Option<Page>) -> Answer;
    /// `data.get`.
    fn data_get(&self, what: &str, id: &str) -> Answer;
    /// `data.filter`.
    fn data_filter(&self, what: &str, filters: &str, page: Option<Page>) -> Answer;
    /// `data.get-core`.
    fn data_get_core(&self, path: &[String], query: &[(String, String)]) -> Answer;

    /// `ledger.create-ledger`.
    fn create_ledger(&self, ledger: &str) -> Answer;
    /// `ledger.create-balance`.
    fn create_balance(&self, balance: &str) -> Answer;
    /// `ledger.link-identity`.
    fn link_identity(&self, balance_id: &str, identity_id: &str) -> Answer;
    /// `ledger.create-transaction`.
    fn create_transaction(&self, transaction: &str) -> Answer;
    /// `ledger.commit-inflight`.
    fn commit_inflight(&self, transaction_id: &str) -> Answer;
    /// `ledger.void-inflight`.
    fn void_inflight(&self, transaction_id: &str) -> Answer;
    /// `ledger.refund`.
    fn refund(&self, transaction_id: &str) -> Answer;
    /// `ledger.create-identity`.
    fn create_identity(&self, identity: &str) -> Answer;
    /// `ledger.update-identity`.
    fn update_identity(&self, id: &str, changes: &str) -> Answer;
    /// `ledger.merge-metadata`.
    fn merge_metadata(&self, entity_id: &str, key: &str, value: &str) -> Answer;
    /// `ledger.post-core`.
    fn post_core(&self, path: &[String], body: &str) -> Answer;
    /// `ledger.put-core`.
    fn put_core(&self, path: &[String], body: &str) -> Answer;

    /// `alerts.list`.
    fn alerts_list(&self) -> Answer;
    /// `alerts.get`.
    fn alerts_get(&self, id: &str) -> Answer;
    /// `alerts.statuses`.
    fn alerts_statuses(&self) -> Answer;
    /// `alert-actions.flag`.
    fn flag(&self, entity_id: &str, title: Option<&str>, description: &str) -> Answer;
    /// `alert-actions.update`.
    fn update_alert(&self, id: &str, changes: &str) -> Answer;
    /// `alert-actions.create-status`.
    fn create_status(&self, name: &str, colour: &str, key: Option<&str>) -> Answer;
    /// `alert-actions.update-status`.
    fn update_status(&self, key: &str, name: &str, colour: &str) -> Answer;
    /// `alert-actions.delete-status`.
    fn delete_status(&self, key: &str) -> Result<(), CloudError>;

    /// `store.get`.
    fn store_get(&self, key: &str) -> Result<Option<Entry>, StoreError>;
    /// `store.set`.
    fn store_set(&self, key: &str, value: &[u8], condition: Condition) -> Result<u64, StoreError>;
    /// `store.delete`.
    fn store_delete(&self, key: &str, condition: Condition) -> Result<(), StoreError>;
    /// `store.scan`.
    fn store_scan(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(String, Entry)>, StoreError>;
    /// `store.keys`.
    fn store_keys(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, StoreError>;

    /// `connections.send`.
    fn connection_send(&self, name: &str, request: Request) -> Result<Response, ConnectionError>;
    /// `connections.callback-url`.
    fn connection_callback_url(&self, name: &str) -> Result<String, ConnectionError>;
    /// `connections.expect`.
    fn connection_expect(&self, name: &str, correlation: &str) -> Result<(), ConnectionError>;

    /// `jobs.schedule`.
    fn job_schedule(
        &self,
        name: &str,
        key: &str,
        payload: &[u8],
        delay_seconds: u32,
    ) -> Result<(), JobError>;
    /// `jobs.cancel`.
    fn job_cancel(&self, name: &str, key: &str) -> Result<bool, JobError>;

    /// `log.write`.
    fn log_write(&self, level: Level, message: &str, fields: &[(String, String)]);

    /// Reads. Need `data:read`.
    fn data(&self) -> Data<'_, Self> {
        Data::new(self)
    }
    /// Writes. Need `data:write`.
    fn ledger(&self) -> Ledger<'_, Self> {
        Ledger::new(self)
    }
    /// Alerts. Need `alerts:read` or `alerts:write`.
    fn alerts(&self) -> Alerts<'_, Self> {
        Alerts::new(self)
    }
    /// The app's own records.
    fn store(&self) -> Store<'_, Self> {
        Store::new(self)
    }
    /// The app's settings.
    fn settings(&self) -> Settings<'_, Self> {
        Settings::new(self)
    }
    /// External services.
    fn connections(&self) -> Connections<'_, Self> {
        Connections::new(self)
    }
    /// Work for later.
    fn jobs(&self) -> Jobs<'_, Self> {
        Jobs::new(self)
    }
    /// The host's log.
    fn log(&self) -> Log<'_, Self> {
        Log::new(self)
    }
}

/// JSON text from Cloud, or why there is none.
pub type Answer = Result<String, CloudError>;

/// The one install that a call serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Install {
    /// Names this install of the app.
    pub installed_app_id: String,
    /// The id that Cloud gave the app.
    pub app_id: String,
    /// The ledger instance that every Cloud call goes to.
    pub instance_id: String,
    /// The organization that owns the instance. Cloud does not always say it.
    pub organization_id: Option<String>,
    /// What the user granted and the package asks for: both.
    pub granted: Vec<Scope>,
}

/// A stored value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// As it was set.
    pub value: Vec<u8>,
    /// At least 1; another one after every write of the key.
    pub version: u64,
}

/// What must hold for a write to the store to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    Always,
    /// The key is not stored.
    Absent,
    /// The key is stored with exactly this version.
    Version(u64),
}

/// How much a line in the log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For the developer.
    Debug,
    /// Worth knowing afterwards.
    Info,
    /// Odd, but served.
    Warn,
    /// Something failed.
    Error,
}
