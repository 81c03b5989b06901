//! Table `fingerprint_keys`: the fingerprint keys of master keys that may go, sealed under a newer one.

use sqlx::Row as _;

use super::database::Connection;
use super::error::{Inconsistent, StoreError};
use crate::secret::SealedBlob;

/// Every kept key with the id of the master key that it belongs to.
pub async fn list(connection: &mut Connection) -> Result<Vec<(u32, SealedBlob)>, StoreError> {
    let rows = sqlx::query("select kid, key_ct from fingerprint_keys order by kid")
        .fetch_all(connection)
        .await?;
    rows.into_iter()
        .map(|row| {
            let id: i64 = row.try_get("kid")?;
            let blob = SealedBlob::from_stored(row.try_get("key_ct")?);
            let id = u32::try_from(id).map_err(|_| Inconsistent {
                table: "fingerprint_keys",
                column: "kid",
                row: id.to_string(),
            })?;
            Ok((id, blob))
        })
        .collect()
}

/// Stores a key in place of what was stored for that id.
pub async fn put(
    connection: &mut Connection,
    id: u32,
    blob: &SealedBlob,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into fingerprint_keys (kid, key_ct) values ($1, $2)
         on conflict (kid) do update set key_ct = excluded.key_ct",
    )
    .bind(i64::from(id))
    .bind(blob.as_bytes())
    .execute(connection)
    .await?;
    Ok(())
}
