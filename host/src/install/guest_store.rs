//! Each install's own records: sealed under its data key, with versions, within quotas.

mod lanes;

use std::sync::Arc;

use sqlx::{Any, Transaction};

use self::lanes::{Lane, Lanes};
use super::key_use::{KeyUse, KeyUseError};
use super::tenant::Tenant;
use crate::model::{Clock, InstallId};
use crate::secret::{DataKey, Keyring, SealedBlob};
use crate::store::guest_store::{self, KeyRange, Record};
use crate::store::installs::{self, InstallRow, Status};
use crate::store::{Connection, Database, StoreError};

/// Longest key in bytes.
const MAX_KEY: usize = 256;
/// Longest value in bytes.
const MAX_VALUE: usize = 64 * 1024;
/// Most records of an install.
const MAX_RECORDS: i64 = 10_000;
/// Most bytes of an install, keys and values.
const MAX_BYTES: i64 = 64 * 1024 * 1024;
/// Most records that one scan answers.
const MAX_SCAN: u32 = 500;
/// Most bytes of values that one scan answers; at least one record is always answered.
const MAX_SCAN_BYTES: i64 = 1024 * 1024;

/// Why a record could not be read or written.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuestStoreError {
    /// The value is over 64 KiB.
    #[error("the value is longer than {MAX_VALUE} bytes")]
    TooLarge,
    /// The install stores too much.
    #[error("the install's quota is used up")]
    QuotaExceeded,
    /// The record is not as the condition says; holds its version, none if there is no record.
    #[error("the record is not at the expected version")]
    Conflict(Option<u64>),
    /// The key is empty, over 256 bytes, or has a NUL.
    #[error("the key is empty, too long or has a NUL")]
    InvalidKey,
    /// The database did not answer, or the install has ended.
    #[error("the store is not available")]
    Unavailable,
    /// A stored record does not open.
    #[error("{0}")]
    Other(String),
}

impl From<StoreError> for GuestStoreError {
    fn from(error: StoreError) -> Self {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "A guest's record could not be reached"
        );
        Self::Unavailable
    }
}

impl From<KeyUseError> for GuestStoreError {
    fn from(error: KeyUseError) -> Self {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "A guest's data key could not be made"
        );
        Self::Unavailable
    }
}

impl From<sqlx::Error> for GuestStoreError {
    fn from(error: sqlx::Error) -> Self {
        StoreError::from(error).into()
    }
}

/// When a write may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Whatever is stored.
    Always,
    /// Only where nothing is stored.
    Absent,
    /// Only over this version.
    Version(u64),
}

/// A record, opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its value.
    pub value: Vec<u8>,
    /// Its version. It rises with each write of a record; after a record was removed, a new one begins at the time in
    /// milliseconds, which is later unless the clock was set back or both happened within one.
    pub version: u64,
}

/// The records of every install. A cheap handle; each call names its tenant.
#[derive(Clone)]
pub struct GuestStore {
    database: Database,
    keyring: Arc<Keyring>,
    uses: KeyUse,
    clock: Arc<dyn Clock>,
    lanes: Arc<Lanes>,
}

impl GuestStore {
    /// Over a database and the keys that open it, which is asked on the threads of the present runtime.
    pub fn new(database: Database, keyring: Arc<Keyring>, clock: Arc<dyn Clock>) -> Self {
        let uses = KeyUse::new(database.clone(), keyring.clone());
        Self {
            database,
            keyring,
            uses,
            clock,
            lanes: Arc::new(Lanes::new()),
        }
    }

    /// The record under a key.
    pub async fn get(&self, tenant: &Tenant, key: &str) -> Result<Option<Entry>, GuestStoreError> {
        check_key(key)?;
        let (store, reader, wanted) = (self.clone(), tenant.clone(), key.to_owned());
        let reading = async move {
            let mut connection = store.database.read().await?;
            let Some(data_key) = store.data_key(&mut connection, &reader).await? else {
                return Ok(None);
            };
            let found = guest_store::find(&mut connection, reader.install_id(), &wanted).await?;
            Ok(found.map(|record| (data_key, record)))
        };
        let found = self.in_lane(tenant, Lane::Read, reading).await?;
        found
            .map(|(data_key, record)| open(tenant, &data_key, &record))
            .transpose()
    }

    /// Writes a value of at most 64 KiB if the condition holds. Answers the new version. A write that was begun is done
    /// to its end.
    pub async fn set(
        &self,
        tenant: &Tenant,
        key: &str,
        value: &[u8],
        condition: Condition,
    ) -> Result<u64, GuestStoreError> {
        check_key(key)?;
        if value.len() > MAX_VALUE {
            return Err(GuestStoreError::TooLarge);
        }
        let (store, writer) = (self.clone(), tenant.clone());
        let (key, value) = (key.to_owned(), value.to_vec());
        let writing = Box::pin(async move { store.write(&writer, key, &value, condition).await });
        self.in_lane(tenant, Lane::Write, writing).await
    }

    /// In the lane of the tenant's app. Given up where a shared database has gone silent, so that the lane is free again.
    async fn in_lane<T: Send + 'static>(
        &self,
        tenant: &Tenant,
        lane: Lane,
        work: impl Future<Output = Result<T, GuestStoreError>> + Send + 'static,
    ) -> Result<T, GuestStoreError> {
        let database = self.database.clone();
        let bounded = async move { database.bounded(work).await };
        self.lanes.run(tenant.slug(), lane, bounded).await
    }

    async fn write(
        &self,
        tenant: &Tenant,
        key: String,
        value: &[u8],
        condition: Condition,
    ) -> Result<u64, GuestStoreError> {
        let now = self.clock.now();
        let (mut tx, data_key) = self.begin(tenant).await?;
        let install = tenant.install_id();
        let stored = guest_store::find(&mut tx, install, &key).await?;
        check_condition(condition, stored.as_ref())?;
        let size = i64::try_from(key.len() + value.len()).unwrap_or(i64::MAX);
        let (old, old_size) = stored.as_ref().map_or((0, 0), |stored| (1, stored.size));
        let usage = guest_store::usage(&mut tx, install).await?;
        let bytes = (usage.bytes - old_size).saturating_add(size);
        if usage.records - old >= MAX_RECORDS || bytes > MAX_BYTES {
            return Err(GuestStoreError::QuotaExceeded);
        }
        // The time keeps a version from coming back after the record was removed and made again, if not within the
        // same millisecond.
        let last = stored.as_ref().map_or(0, |stored| stored.version);
        let version = last.saturating_add(1).max(now.get());
        let value = seal(tenant, &data_key, &key, version, value);
        let record = Record {
            key,
            value,
            version,
            size,
        };
        guest_store::put(&mut tx, install, &record, stored.as_ref(), now).await?;
        tx.commit().await?;
        Ok(version.unsigned_abs())
    }

    /// Removes a record if the condition holds. A removal that was begun is done to its end.
    pub async fn delete(
        &self,
        tenant: &Tenant,
        key: &str,
        condition: Condition,
    ) -> Result<(), GuestStoreError> {
        check_key(key)?;
        let (store, writer, key) = (self.clone(), tenant.clone(), key.to_owned());
        let removing = Box::pin(async move { store.remove(&writer, &key, condition).await });
        self.in_lane(tenant, Lane::Write, removing).await
    }

    async fn remove(
        &self,
        tenant: &Tenant,
        key: &str,
        condition: Condition,
    ) -> Result<(), GuestStoreError> {
        let mut tx = self.database.write().await?;
        may_write(&mut tx, tenant).await?;
        let stored = guest_store::find(&mut tx, tenant.install_id(), key).await?;
        check_condition(condition, stored.as_ref())?;
        if let Some(stored) = stored {
            guest_store::delete(&mut tx, tenant.install_id(), &stored).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Records whose keys begin with `prefix`, after the key `after`, in byte order: at most `limit`, at most 500, and
    /// at most about 1 MiB of values.
    pub async fn scan(
        &self,
        tenant: &Tenant,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(String, Entry)>, GuestStoreError> {
        let range = range(prefix, after, limit)?;
        let (store, reader) = (self.clone(), tenant.clone());
        let reading = async move {
            let mut connection = store.database.read().await?;
            let Some(data_key) = store.data_key(&mut connection, &reader).await? else {
                return Ok(None);
            };
            let (install, range) = (reader.install_id(), range.borrowed());
            let records =
                guest_store::range(&mut connection, install, range, MAX_SCAN_BYTES).await?;
            Ok(Some((data_key, records)))
        };
        let found = self.in_lane(tenant, Lane::Read, reading).await?;
        let Some((data_key, records)) = found else {
            return Ok(Vec::new());
        };
        let open = |record: Record| Ok((record.key.clone(), open(tenant, &data_key, &record)?));
        records.into_iter().map(open).collect()
    }

    /// The keys that [`GuestStore::scan`] would answer, without their values.
    pub async fn keys(
        &self,
        tenant: &Tenant,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, GuestStoreError> {
        let range = range(prefix, after, limit)?;
        let (store, reader) = (self.clone(), tenant.clone());
        let reading = async move {
            let mut connection = store.database.read().await?;
            let (install, range) = (reader.install_id(), range.borrowed());
            Ok(guest_store::keys(&mut connection, install, range).await?)
        };
        self.in_lane(tenant, Lane::Read, reading).await
    }

    /// Erases everything that an ended install stored. Answers false, and erases nothing, where the same install has
    /// come back.
    pub async fn erase_ended(&self, tenant: &Tenant) -> Result<bool, StoreError> {
        let mut tx = self.database.write().await?;
        let attempts = installs::attempts_of(&mut tx, tenant.install_id()).await?;
        if has_come_back(&attempts, tenant) {
            return Ok(false);
        }
        guest_store::erase(&mut tx, tenant.install_id()).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn data_key(
        &self,
        connection: &mut Connection,
        tenant: &Tenant,
    ) -> Result<Option<DataKey>, GuestStoreError> {
        let wrapped = guest_store::data_key(connection, tenant.install_id()).await?;
        wrapped
            .map(|wrapped| {
                self.keyring
                    .open_data_key(&key_place(tenant.install_id()), &wrapped)
            })
            .transpose()
            .map_err(|error| GuestStoreError::Other(error.to_string()))
    }

    /// Begins a writing transaction with the data key, made where there is none. An install that has ended gets no new
    /// one: what it would store would never be erased.
    async fn begin(
        &self,
        tenant: &Tenant,
    ) -> Result<(Transaction<'static, Any>, DataKey), GuestStoreError> {
        let mut tx = self.database.write().await?;
        let status = may_write(&mut tx, tenant).await?;
        if let Some(key) = self.data_key(&mut tx, tenant).await? {
            return Ok((tx, key));
        }
        if status != Status::Active {
            return Err(GuestStoreError::Unavailable);
        }
        // Only a new data key is a use of the master key: those that are there go on when it is worn out.
        tx.rollback().await?;
        let (mut tx, mut batch) = self.uses.begin(1).await?;
        let status = may_write(&mut tx, tenant).await?;
        if let Some(key) = self.data_key(&mut tx, tenant).await? {
            return Ok((tx, key));
        }
        if status != Status::Active {
            return Err(GuestStoreError::Unavailable);
        }
        let place = key_place(tenant.install_id());
        let permit = batch.permit().map_err(KeyUseError::from)?;
        let (key, wrapped) = permit.make_data_key(&place);
        let now = self.clock.now();
        guest_store::insert_data_key(&mut tx, tenant.install_id(), &wrapped, now).await?;
        Ok((tx, key))
    }
}

/// Whether this attempt may still write: a hook of an ended install may, until the same install has begun anew; what it
/// wrote then would stand in the new one. Answers where the attempt stands.
async fn may_write(tx: &mut Connection, tenant: &Tenant) -> Result<Status, GuestStoreError> {
    let attempts = installs::attempts_of(tx, tenant.install_id()).await?;
    let own = attempts.iter().find(|row| row.attempt == tenant.attempt());
    let status = own.ok_or(GuestStoreError::Unavailable)?.status;
    if status != Status::Active && has_come_back(&attempts, tenant) {
        return Err(GuestStoreError::Unavailable);
    }
    Ok(status)
}

/// Whether the install lives, or has begun anew after this attempt: a later one counts also while its key is refused or
/// does not open, since what it stored is still its own.
fn has_come_back(attempts: &[InstallRow], tenant: &Tenant) -> bool {
    attempts.iter().any(|row| match row.status {
        Status::Active => true,
        Status::Revoked | Status::KeyUnreadable => row.attempt > tenant.attempt(),
        Status::Pending | Status::Superseded | Status::Uninstalled => false,
    })
}

/// Where an install's data key is sealed to.
pub(super) fn key_place(install: &InstallId) -> [&str; 3] {
    ["store_keys", "data_key", install.as_str()]
}

fn check_key(key: &str) -> Result<(), GuestStoreError> {
    if key.is_empty() || key.len() > MAX_KEY || key.contains('\0') {
        return Err(GuestStoreError::InvalidKey);
    }
    Ok(())
}

fn check_condition(condition: Condition, stored: Option<&Record>) -> Result<(), GuestStoreError> {
    let stored = stored.map(|record| record.version.unsigned_abs());
    let holds = match condition {
        Condition::Always => true,
        Condition::Absent => stored.is_none(),
        Condition::Version(version) => stored == Some(version),
    };
    if holds {
        Ok(())
    } else {
        Err(GuestStoreError::Conflict(stored))
    }
}

/// The record's version is part of what it is sealed to, so an old value can't be put back under a newer version.
fn seal(tenant: &Tenant, data_key: &DataKey, key: &str, version: i64, value: &[u8]) -> SealedBlob {
    data_key.seal(
        &[
            "guest_store",
            "value",
            tenant.install_id().as_str(),
            key,
            &version.to_string(),
        ],
        value,
    )
}

fn open(tenant: &Tenant, data_key: &DataKey, record: &Record) -> Result<Entry, GuestStoreError> {
    let version = record.version.to_string();
    let place = [
        "guest_store",
        "value",
        tenant.install_id().as_str(),
        &record.key,
        &version,
    ];
    let value = data_key
        .open(&place, &record.value)
        .map_err(|error| GuestStoreError::Other(error.to_string()))?;
    Ok(Entry {
        value: value.to_vec(),
        version: record.version.unsigned_abs(),
    })
}

/// A range of keys, as a guest asks for it.
struct Range {
    prefix: String,
    until: Option<String>,
    after: Option<String>,
    limit: u32,
}

impl Range {
    fn borrowed(&self) -> KeyRange<'_> {
        KeyRange {
            from: &self.prefix,
            until: self.until.as_deref(),
            after: self.after.as_deref(),
            limit: self.limit,
        }
    }
}

/// The range that a guest asks for, its limit brought down to what one call may answer.
fn range(prefix: &str, after: Option<&str>, limit: u32) -> Result<Range, GuestStoreError> {
    let has_nul = prefix.contains('\0') || after.is_some_and(|key| key.contains('\0'));
    if prefix.len() > MAX_KEY || has_nul {
        return Err(GuestStoreError::InvalidKey);
    }
    Ok(Range {
        prefix: prefix.to_owned(),
        until: after_prefix(prefix),
        after: after.map(str::to_owned),
        limit: limit.min(MAX_SCAN),
    })
}

/// The first text, in byte order, that does not begin with `prefix` and is greater; none if there is no such text.
fn after_prefix(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        // Surrogates are no characters: the next one after U+D7FF is U+E000.
        let next = (u32::from(last) + 1..=0x10_FFFF).find_map(char::from_u32);
        if let Some(next) = next {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::after_prefix;

    #[test]
    fn the_end_of_a_prefix_is_the_next_text_in_byte_order() {
        assert_eq!(after_prefix("case/").as_deref(), Some("case0"));
        assert_eq!(after_prefix("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(after_prefix("\u{d7ff}").as_deref(), Some("\u{e000}"));
        assert_eq!(after_prefix(""), None);
    }
}
