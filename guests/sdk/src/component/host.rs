//! The real [`Host`]: each function calls the import of its name.

use crate::bindings::blnk::app::{
    alert_actions, alerts, connections, context, data, jobs, ledger, log, store,
};
use crate::error::{CloudError, ConnectionError, JobError, StoreError};
use crate::host::{Answer, Condition, Entry, Host, Install, Level};
use crate::http::{Request, Response};
use crate::{Page, Scope};

/// The host that a component runs in.
pub(super) struct ComponentHost;

impl Host for ComponentHost {
    fn install(&self) -> Install {
        let install = context::current();
        Install {
            installed_app_id: install.installed_app_id,
            app_id: install.app_id,
            instance_id: install.instance_id,
            organization_id: install.organization_id,
            granted: install
                .granted
                .iter()
                .map(|scope| Scope::from(scope.as_str()))
                .collect(),
        }
    }
    fn granted(&self, scope: &Scope) -> bool {
        context::granted(scope.as_str())
    }
    fn setting(&self, name: &str) -> Option<String> {
        context::setting(name)
    }
    fn call_id(&self) -> String {
        context::call_id()
    }
    fn now(&self) -> u64 {
        context::now()
    }
    fn random(&self, length: u32) -> Vec<u8> {
        context::random(length)
    }

    fn data_list(&self, what: &str, filters: &[(String, String)], page: Option<Page>) -> Answer {
        Ok(data::list(what, filters, page.map(Into::into))?)
    }
    fn data_get(&self, what: &str, id: &str) -> Answer {
        Ok(data::get(what, id)?)
    }
    fn data_filter(&self, what: &str, filters: &str, page: Option<Page>) -> Answer {
        Ok(data::filter(what, filters, page.map(Into::into))?)
    }
    fn data_get_core(&self, path: &[String], query: &[(String, String)]) -> Answer {
        Ok(data::get_core(path, query)?)
    }

    fn create_ledger(&self, ledger: &str) -> Answer {
        Ok(ledger::create_ledger(ledger)?)
    }
    fn create_balance(&self, balance: &str) -> Answer {
        Ok(ledger::create_balance(balance)?)
    }
    fn link_identity(&self, balance_id: &str, identity_id: &str) -> Answer {
        Ok(ledger::link_identity(balance_id, identity_id)?)
    }
    fn create_transaction(&self, transaction: &str) -> Answer {
        Ok(ledger::create_transaction(transaction)?)
    }
    fn commit_inflight(&self, transaction_id: &str) -> Answer {
        Ok(ledger::commit_inflight(transaction_id)?)
    }
    fn void_inflight(&self, transaction_id: &str) -> Answer {
        Ok(ledger::void_inflight(transaction_id)?)
    }
    fn refund(&self, transaction_id: &str) -> Answer {
        Ok(ledger::refund(transaction_id)?)
    }
    fn create_identity(&self, identity: &str) -> Answer {
        Ok(ledger::create_identity(identity)?)
    }
    fn update_identity(&self, id: &str, changes: &str) -> Answer {
        Ok(ledger::update_identity(id, changes)?)
    }
    fn merge_metadata(&self, entity_id: &str, key: &str, value: &str) -> Answer {
        Ok(ledger::merge_metadata(entity_id, key, value)?)
    }
    fn post_core(&self, path: &[String], body: &str) -> Answer {
        Ok(ledger::post_core(path, body)?)
    }
    fn put_core(&self, path: &[String], body: &str) -> Answer {
        Ok(ledger::put_core(path, body)?)
    }

    fn alerts_list(&self) -> Answer {
        Ok(alerts::list()?)
    }
    fn alerts_get(&self, id: &str) -> Answer {
        Ok(alerts::get(id)?)
    }
    fn alerts_statuses(&self) -> Answer {
        Ok(alerts::statuses()?)
    }
    fn flag(&self, entity_id: &str, title: Option<&str>, description: &str) -> Answer {
        Ok(alert_actions::flag(entity_id, title, description)?)
    }
    fn update_alert(&self, id: &str, changes: &str) -> Answer {
        Ok(alert_actions::update(id, changes)?)
    }
    fn create_status(&self, name: &str, colour: &str, key: Option<&str>) -> Answer {
        Ok(alert_actions::create_status(name, colour, key)?)
    }
    fn update_status(&self, key: &str, name: &str, colour: &str) -> Answer {
        Ok(alert_actions::update_status(key, name, colour)?)
    }
    fn delete_status(&self, key: &str) -> Result<(), CloudError> {
        Ok(alert_actions::delete_status(key)?)
    }

    fn store_get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        Ok(store::get(key)?.map(Into::into))
    }
    fn store_set(&self, key: &str, value: &[u8], condition: Condition) -> Result<u64, StoreError> {
        Ok(store::set(key, value, condition.into())?)
    }
    fn store_delete(&self, key: &str, condition: Condition) -> Result<(), StoreError> {
        Ok(store::delete(key, condition.into())?)
    }
    fn store_scan(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(String, Entry)>, StoreError> {
        let entries = store::scan(prefix, after, limit)?;
        Ok(entries
            .into_iter()
            .map(|(key, entry)| (key, entry.into()))
            .collect())
    }
    fn store_keys(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        Ok(store::keys(prefix, after, limit)?)
    }

    fn connection_send(&self, name: &str, request: Request) -> Result<Response, ConnectionError> {
        let response = connections::send(name, &request.into())?;
        Ok(Response {
            status: response.status,
            headers: response.headers,
            body: response.body,
        })
    }
    fn connection_callback_url(&self, name: &str) -> Result<String, ConnectionError> {
        Ok(connections::callback_url(name)?)
    }
    fn connection_expect(&self, name: &str, correlation: &str) -> Result<(), ConnectionError> {
        Ok(connections::expect(name, correlation)?)
    }

    fn job_schedule(
        &self,
        name: &str,
        key: &str,
        payload: &[u8],
        delay_seconds: u32,
    ) -> Result<(), JobError> {
        Ok(jobs::schedule(name, key, payload, delay_seconds)?)
    }
    fn job_cancel(&self, name: &str, key: &str) -> Result<bool, JobError> {
        Ok(jobs::cancel(name, key)?)
    }

    fn log_write(&self, level: Level, message: &str, fields: &[(String, String)]) {
        let level = match level {
            Level::Debug => log::Level::Debug,
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
            Level::Error => log::Level::Error,
        };
        log::write(level, message, fields);
    }
}
