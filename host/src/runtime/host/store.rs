//! `store`: the install's own records.

use wasmtime::component::HasData;

use super::Gate;
use super::bindings::blnk::app::store::{self as wit, Condition, Entry};
use super::convert::StoreFailure;
use crate::install;

pub(super) struct View<'a>(pub(super) Gate<'a>);

impl HasData for View<'static> {
    type Data<'a> = View<'a>;
}

impl From<Condition> for install::Condition {
    fn from(condition: Condition) -> Self {
        match condition {
            Condition::Always => Self::Always,
            Condition::Absent => Self::Absent,
            Condition::Version(version) => Self::Version(version),
        }
    }
}

impl From<install::Entry> for Entry {
    fn from(entry: install::Entry) -> Self {
        Self {
            value: entry.value,
            version: entry.version,
        }
    }
}

impl wit::Host for View<'_> {
    fn convert_store_error(&mut self, failure: StoreFailure) -> wasmtime::Result<wit::StoreError> {
        failure.into_wit()
    }

    async fn get(&mut self, key: String) -> Result<Option<Entry>, StoreFailure> {
        let binding = self.0.enter("store.get")?;
        Ok(binding
            .store
            .get(&binding.tenant, &key)
            .await?
            .map(Entry::from))
    }

    async fn set(
        &mut self,
        key: String,
        value: Vec<u8>,
        condition: Condition,
    ) -> Result<u64, StoreFailure> {
        let binding = self.0.enter("store.set")?;
        Ok(binding
            .store
            .set(&binding.tenant, &key, &value, condition.into())
            .await?)
    }

    async fn delete(&mut self, key: String, condition: Condition) -> Result<(), StoreFailure> {
        let binding = self.0.enter("store.delete")?;
        Ok(binding
            .store
            .delete(&binding.tenant, &key, condition.into())
            .await?)
    }

    async fn scan(
        &mut self,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<(String, Entry)>, StoreFailure> {
        let binding = self.0.enter("store.scan")?;
        let entries = binding
            .store
            .scan(&binding.tenant, &prefix, after.as_deref(), limit)
            .await?;
        Ok(entries
            .into_iter()
            .map(|(key, entry)| (key, entry.into()))
            .collect())
    }

    async fn keys(
        &mut self,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<String>, StoreFailure> {
        let binding = self.0.enter("store.keys")?;
        Ok(binding
            .store
            .keys(&binding.tenant, &prefix, after.as_deref(), limit)
            .await?)
    }
}
