//! Tables `store_keys` and `guest_store`: each install's own records, sealed.

use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::database::StoreError;
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
}

impl TryFrom<SqliteRow> for Record {
    type Error = StoreError;

    fn try_from(row: SqliteRow) -> Result<Self, StoreError> {
        Ok(Self {
            key: row.try_get("key")?,
            value: SealedBlob::from_stored(row.try_get("value_ct")?),
            version: row.try_get("version")?,
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
    connection: &mut SqliteConnection,
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
    connection: &mut SqliteConnection,
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
pub async fn erase(
    connection: &mut SqliteConnection,
    install: &InstallId,
) -> Result<(), StoreError> {
    sqlx::query("delete from store_keys where installed_app_id = $1")
        .bind(install.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// One record.
pub async fn find(
    connection: &mut SqliteConnection,
    install: &InstallId,
    key: &str,
) -> Result<Option<Record>, StoreError> {
    sqlx::query(
        "select key, value_ct, version from guest_store where installed_app_id = $1 and key = $2",
    )
    .bind(install.as_str())
    .bind(key)
    .fetch_optional(connection)
    .await?
    .map(Record::try_from)
    .transpose()
}

/// Writes a record whole, with the version given.
pub async fn put(
    connection: &mut SqliteConnection,
    install: &InstallId,
    record: &Record,
    size: i64,
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
    .bind(size)
    .bind(record.version)
    .bind(now.get())
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes a record, if it is there.
pub async fn delete(
    connection: &mut SqliteConnection,
    install: &InstallId,
    key: &str,
) -> Result<(), StoreError> {
    sqlx::query("delete from guest_store where installed_app_id = $1 and key = $2")
        .bind(install.as_str())
        .bind(key)
        .execute(connection)
        .await?;
    Ok(())
}

/// Records from `from` on (inclusive), before `until` if there is an end, after `after`, in byte order of their keys.
pub async fn range(
    connection: &mut SqliteConnection,
    install: &InstallId,
    from: &str,
    until: Option<&str>,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<Record>, StoreError> {
    let rows = sqlx::query(
        "select key, value_ct, version from guest_store
         where installed_app_id = $1 and key >= $2 and ($3 is null or key < $3) and ($4 is null or key > $4)
         order by key limit $5",
    )
    .bind(install.as_str())
    .bind(from)
    .bind(until)
    .bind(after)
    .bind(limit)
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Record::try_from).collect()
}

/// What an install stores, without the record `key`.
pub async fn usage_without(
    connection: &mut SqliteConnection,
    install: &InstallId,
    key: &str,
) -> Result<Usage, StoreError> {
    let row = sqlx::query(
        "select count(*) as records, coalesce(sum(size), 0) as bytes from guest_store
         where installed_app_id = $1 and key <> $2",
    )
    .bind(install.as_str())
    .bind(key)
    .fetch_one(connection)
    .await?;
    Ok(Usage {
        records: row.try_get("records")?,
        bytes: row.try_get("bytes")?,
    })
}
