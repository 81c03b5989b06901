//! Across tables: which rows are sealed under which master key, and putting a value that was sealed anew in its place.
//!
//! The id of the key stands in the first six bytes of each sealed value, and in the first four of each fingerprint.
//! A value is replaced only where it is still the one that was read.

use sqlx::Row as _;

use super::database::{Connection, Row};
use super::error::StoreError;
use super::installs::InstallRow;
use crate::model::InstallId;
use crate::secret::SealedBlob;
use crate::secret::sealed::key_id_of;

/// How many values of one column belong to one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRows {
    /// The table.
    pub table: &'static str,
    /// The master key's id.
    pub key: u32,
    /// Number of values.
    pub rows: u64,
}

/// How many values each master key seals, by table. Left out are keys of installs that nobody can open any more, and
/// values that no version of this program wrote.
pub async fn sealed(connection: &mut Connection) -> Result<Vec<KeyRows>, StoreError> {
    let mut found = Vec::new();
    for (table, query) in [
        (
            "installs",
            "select substr(api_key_ct, 1, 6) as beginning, count(*) as total from installs
             where api_key_ct is not null and status <> 'key_unreadable' group by substr(api_key_ct, 1, 6)",
        ),
        (
            "store_keys",
            "select substr(data_key_ct, 1, 6) as beginning, count(*) as total from store_keys
             group by substr(data_key_ct, 1, 6)",
        ),
        (
            "endpoints",
            "select substr(secret_ct, 1, 6) as beginning, count(*) as total from endpoints
             group by substr(secret_ct, 1, 6)",
        ),
        (
            "fingerprint_keys",
            "select substr(key_ct, 1, 6) as beginning, count(*) as total from fingerprint_keys
             group by substr(key_ct, 1, 6)",
        ),
        (
            "key_check",
            "select substr(check_ct, 1, 6) as beginning, count(*) as total from key_check
             group by substr(check_ct, 1, 6)",
        ),
    ] {
        let rows = sqlx::query(query).fetch_all(&mut *connection).await?;
        count(&mut found, table, rows, key_id_of)?;
    }
    Ok(found)
}

/// Some installs whose key is sealed under the key whose values begin with `header`.
pub async fn installs_under(
    connection: &mut Connection,
    header: [u8; 6],
    limit: u32,
) -> Result<Vec<InstallRow>, StoreError> {
    let rows = sqlx::query(
        "select * from installs where status <> 'key_unreadable' and substr(api_key_ct, 1, 6) = $1
         order by installed_app_id, attempt limit $2",
    )
    .bind(header.as_slice())
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(InstallRow::try_from).collect()
}

/// Some wrapped data keys under the key whose values begin with `header`, with their installs.
pub async fn data_keys_under(
    connection: &mut Connection,
    header: [u8; 6],
    limit: u32,
) -> Result<Vec<(String, SealedBlob)>, StoreError> {
    let rows = sqlx::query(
        "select installed_app_id, data_key_ct from store_keys where substr(data_key_ct, 1, 6) = $1
         order by installed_app_id limit $2",
    )
    .bind(header.as_slice())
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    data_key_rows(rows)
}

/// How many fingerprints were made with each master key, by table.
pub async fn fingerprints(connection: &mut Connection) -> Result<Vec<KeyRows>, StoreError> {
    let mut found = Vec::new();
    for (table, query) in [
        (
            "installs",
            "select substr(key_fp, 1, 4) as beginning, count(*) as total from installs group by substr(key_fp, 1, 4)",
        ),
        (
            "webhook_events",
            "select substr(payload_fp, 1, 4) as beginning, count(*) as total from webhook_events
             group by substr(payload_fp, 1, 4)",
        ),
    ] {
        let rows = sqlx::query(query).fetch_all(&mut *connection).await?;
        let id = |beginning: &[u8]| Some(u32::from_be_bytes(beginning.try_into().ok()?));
        count(&mut found, table, rows, id)?;
    }
    Ok(found)
}

fn count(
    found: &mut Vec<KeyRows>,
    table: &'static str,
    rows: Vec<Row>,
    id: impl Fn(&[u8]) -> Option<u32>,
) -> Result<(), StoreError> {
    for row in rows {
        let beginning: Vec<u8> = row.try_get("beginning")?;
        let total: i64 = row.try_get("total")?;
        if let Some(key) = id(&beginning) {
            found.push(KeyRows {
                table,
                key,
                rows: total.unsigned_abs(),
            });
        }
    }
    Ok(())
}

/// Installs whose key is sealed under another key than the one whose values begin with `newest`.
pub async fn installs(
    connection: &mut Connection,
    newest: [u8; 6],
    limit: u32,
) -> Result<Vec<InstallRow>, StoreError> {
    let rows = sqlx::query(
        "select * from installs where api_key_ct is not null and status <> 'key_unreadable'
             and substr(api_key_ct, 1, 6) <> $1 order by installed_app_id, attempt limit $2",
    )
    .bind(newest.as_slice())
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(InstallRow::try_from).collect()
}

/// Puts a key that was sealed anew, and its fingerprint, in the place of the old ones. The row's version stays: nothing
/// has changed that a transition would have to know. Answers whether the old ones were still there.
pub async fn replace_install(
    connection: &mut Connection,
    row: &InstallRow,
    old: &SealedBlob,
    new: &SealedBlob,
    fingerprint: &[u8],
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "update installs set api_key_ct = $4, key_fp = $5
         where installed_app_id = $1 and attempt = $2 and api_key_ct = $3",
    )
    .bind(row.install.as_str())
    .bind(row.attempt)
    .bind(old.as_bytes())
    .bind(new.as_bytes())
    .bind(fingerprint)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Wrapped data keys under another key than the newest, from the `skip`th on.
pub async fn data_keys(
    connection: &mut Connection,
    newest: [u8; 6],
    limit: u32,
    skip: u32,
) -> Result<Vec<(String, SealedBlob)>, StoreError> {
    let rows = sqlx::query(
        "select installed_app_id, data_key_ct from store_keys where substr(data_key_ct, 1, 6) <> $1
         order by installed_app_id limit $2 offset $3",
    )
    .bind(newest.as_slice())
    .bind(i64::from(limit))
    .bind(i64::from(skip))
    .fetch_all(connection)
    .await?;
    data_key_rows(rows)
}

fn data_key_rows(rows: Vec<Row>) -> Result<Vec<(String, SealedBlob)>, StoreError> {
    rows.into_iter()
        .map(|row| {
            let blob = SealedBlob::from_stored(row.try_get("data_key_ct")?);
            Ok((row.try_get("installed_app_id")?, blob))
        })
        .collect()
}

/// Puts a data key that was wrapped anew in the place of the old one. Answers whether that was still there.
pub async fn replace_data_key(
    connection: &mut Connection,
    install: &InstallId,
    old: &SealedBlob,
    new: &SealedBlob,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "update store_keys set data_key_ct = $3 where installed_app_id = $1 and data_key_ct = $2",
    )
    .bind(install.as_str())
    .bind(old.as_bytes())
    .bind(new.as_bytes())
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
