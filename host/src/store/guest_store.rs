//! Tables `store_keys` and `guest_store`: each install's own records, sealed.

use futures_util::TryStreamExt as _;
use sqlx::Row as _;

use super::database::{Connection, Row};
use super::error::StoreError;
use crate::model::{InstallId, UnixMillis};
use crate::secret::SealedBlob;

/// A record as it is stored.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its key, in plain.
    pub key: String,
    /// Its value, sealed under the install's data key.
    pub value: SealedBlob,
    /// Its version, from 1.
    pub version: i64,
    /// Bytes of key and plain value.
    pub size: i64,
}

impl TryFrom<Row> for Record {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            key: row.try_get("key")?,
            value: SealedBlob::from_stored(row.try_get("value_ct")?),
            version: row.try_get("version")?,
            size: row.try_get("size")?,
        })
    }
}

/// How much an install stores.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// Number of records.
    pub records: i64,
    /// Bytes of keys and values.
    pub bytes: i64,
}

/// The wrapped data key of an install.
pub async fn data_key(
    connection: &mut Connection,
    install: &InstallId,
) -> Result<Option<SealedBlob>, StoreError> {
    let row = sqlx::query("select data_key_ct from store_keys where installed_app_id = $1")
        .bind(install.as_str())
        .fetch_optional(connection)
        .await?;
    Ok(row
        .map(|row| row.try_get("data_key_ct"))
        .transpose()?
        .map(SealedBlob::from_stored))
}

/// Stores the wrapped data key of an install that had none.
pub async fn insert_data_key(
    connection: &mut Connection,
    install: &InstallId,
    wrapped: &SealedBlob,
    now: UnixMillis,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into store_keys (installed_app_id, data_key_ct, created_at) values ($1, $2, $3)",
    )
    .bind(install.as_str())
    .bind(wrapped.as_bytes())
    .bind(now.get())
    .execute(connection)
    .await?;
    Ok(())
}

/// Erases an install's data key and with it every record.
pub async fn erase(connection: &mut Connection, install: &InstallId) -> Result<(), StoreError> {
    sqlx::query("delete from store_keys where installed_app_id = $1")
        .bind(install.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// One record.
pub async fn find(
    connection: &mut Connection,
    install: &InstallId,
    key: &str,
) -> Result<Option<Record>, StoreError> {
    sqlx::query(
        "select key, value_ct, version, size from guest_store where installed_app_id = $1 and key = $2",
    )
    .bind(install.as_str())
    .bind(key)
    .fetch_optional(connection)
    .await?
    .map(Record::try_from)
    .transpose()
}

/// Writes a record whole and keeps the install's totals. `replaced` is the record that stood there.
pub async fn put(
    connection: &mut Connection,
    install: &InstallId,
    record: &Record,
    replaced: Option<&Record>,
    now: UnixMillis,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into guest_store (installed_app_id, key, value_ct, size, version, updated_at)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (installed_app_id, key) do update
         set value_ct = excluded.value_ct, size = excluded.size, version = excluded.version,
             updated_at = excluded.updated_at",
    )
    .bind(install.as_str())
    .bind(&record.key)
    .bind(record.value.as_bytes())
    .bind(record.size)
    .bind(record.version)
    .bind(now.get())
    .execute(&mut *connection)
    .await?;
    let records = i64::from(replaced.is_none());
    let bytes = record.size - replaced.map_or(0, |replaced| replaced.size);
    add_to_totals(connection, install, records, bytes).await
}

/// Removes a record that is there and keeps the install's totals.
pub async fn delete(
    connection: &mut Connection,
    install: &InstallId,
    record: &Record,
) -> Result<(), StoreError> {
    sqlx::query("delete from guest_store where installed_app_id = $1 and key = $2")
        .bind(install.as_str())
        .bind(&record.key)
        .execute(&mut *connection)
        .await?;
    add_to_totals(connection, install, -1, -record.size).await
}

async fn add_to_totals(
    connection: &mut Connection,
    install: &InstallId,
    records: i64,
    bytes: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "update store_keys set records = records + $2, bytes = bytes + $3 where installed_app_id = $1",
    )
    .bind(install.as_str())
    .bind(records)
    .bind(bytes)
    .execute(connection)
    .await?;
    Ok(())
}

/// A part of the keys in byte order.
#[derive(Debug, Clone, Copy)]
pub struct KeyRange<'a> {
    /// From this key on.
    pub from: &'a str,
    /// Before this one, if there is an end.
    pub until: Option<&'a str>,
    /// After this one too, if given.
    pub after: Option<&'a str>,
    /// Most records.
    pub limit: u32,
}

/// The records of a range, in byte order of their keys, until their sizes pass `max_bytes`; at least one.
pub async fn range(
    connection: &mut Connection,
    install: &InstallId,
    range: KeyRange<'_>,
    max_bytes: i64,
) -> Result<Vec<Record>, StoreError> {
    let mut rows = sqlx::query(
        "select key, value_ct, version, size from guest_store
         where installed_app_id = $1 and key >= $2 and ($3 is null or key < $3) and ($4 is null or key > $4)
         order by key limit $5",
    )
    .bind(install.as_str())
    .bind(range.from)
    .bind(range.until)
    .bind(range.after)
    .bind(i64::from(range.limit))
    .fetch(connection);
    let mut records = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.try_next().await? {
        let record = Record::try_from(row)?;
        bytes += record.size;
        if bytes > max_bytes && !records.is_empty() {
            break;
        }
        records.push(record);
    }
    Ok(records)
}

/// The keys of a range alone.
pub async fn keys(
    connection: &mut Connection,
    install: &InstallId,
    range: KeyRange<'_>,
) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query(
        "select key from guest_store
         where installed_app_id = $1 and key >= $2 and ($3 is null or key < $3) and ($4 is null or key > $4)
         order by key limit $5",
    )
    .bind(install.as_str())
    .bind(range.from)
    .bind(range.until)
    .bind(range.after)
    .bind(i64::from(range.limit))
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| Ok(row.try_get("key")?))
        .collect()
}

/// What an install stores, from its running totals.
pub async fn usage(connection: &mut Connection, install: &InstallId) -> Result<Usage, StoreError> {
    let row = sqlx::query("select records, bytes from store_keys where installed_app_id = $1")
        .bind(install.as_str())
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else {
        return Ok(Usage {
            records: 0,
            bytes: 0,
        });
    };
    Ok(Usage {
        records: row.try_get("records")?,
        bytes: row.try_get("bytes")?,
    })
}
