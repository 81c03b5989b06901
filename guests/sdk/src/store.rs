//! The app's own records: typed JSON under keys, with versions for compare-and-set.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Host;
use crate::error::StoreError;
use crate::host::Condition;

/// The install's private store. From [`Host::store`]. Keys are not sealed: put no personal data into them.
#[derive(Debug)]
pub struct Store<'host, H: ?Sized>(&'host H);

/// A value and the version under which it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored<T> {
    /// The value.
    pub value: T,
    /// At least 1. Give it to [`Condition::Version`] to write only if nobody else has.
    pub version: u64,
}

impl<'host, H: Host + ?Sized> Store<'host, H> {
    pub(crate) fn new(host: &'host H) -> Self {
        Self(host)
    }

    /// The value of a key. A value that is not of the type `T` is [`StoreError::Other`].
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<Stored<T>>, StoreError> {
        self.0
            .store_get(key)?
            .map(|entry| {
                Ok(Stored {
                    value: parse(&entry.value)?,
                    version: entry.version,
                })
            })
            .transpose()
    }

    /// Writes a value if the condition holds, and answers its version.
    pub fn set(
        &self,
        key: &str,
        value: &impl Serialize,
        condition: Condition,
    ) -> Result<u64, StoreError> {
        let bytes = serde_json::to_vec(value)
            .map_err(|error| StoreError::Other(format!("not writable as JSON: {error}")))?;
        self.0.store_set(key, &bytes, condition)
    }

    /// Removes a key if the condition holds.
    pub fn delete(&self, key: &str, condition: Condition) -> Result<(), StoreError> {
        self.0.store_delete(key, condition)
    }

    /// Keys and values in byte order of the keys, after `after`, at most `limit`.
    pub fn scan<T: DeserializeOwned>(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(String, Stored<T>)>, StoreError> {
        self.0
            .store_scan(prefix, after, limit)?
            .into_iter()
            .map(|(key, entry)| {
                let value = parse(&entry.value)?;
                let version = entry.version;
                Ok((key, Stored { value, version }))
            })
            .collect()
    }

    /// Keys in byte order, after `after`, at most `limit`.
    pub fn keys(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        self.0.store_keys(prefix, after, limit)
    }
}

/// The value stays out of the error: it was sealed for a reason.
fn parse<T: DeserializeOwned>(value: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(value)
        .map_err(|_| StoreError::Other("a stored value is not of the expected shape".to_owned()))
}
